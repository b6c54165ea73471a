-- Ten numbers in a table of files.
CREATE TABLE numbers (number BIGINT)
WITH ('connector' = 'datagen', 'number-of-rows' = '10', 'fields.number.kind' = 'sequence',
      'fields.number.start' = '1', 'fields.number.end' = '10');

CREATE TABLE files (number BIGINT)
WITH ('connector' = 'filesystem', 'path' = 's3://lake/flink/numbers', 'format' = 'csv');

INSERT INTO files SELECT number FROM numbers;
