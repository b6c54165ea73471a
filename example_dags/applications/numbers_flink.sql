-- Counts and adds up numbers that Flink makes up itself, and prints the result to the TaskManager's output.
CREATE TABLE numbers (number BIGINT) WITH (
  'connector' = 'datagen',
  'number-of-rows' = '1000',
  'fields.number.kind' = 'sequence',
  'fields.number.start' = '1',
  'fields.number.end' = '1000'
);

CREATE TABLE totals (amount BIGINT, total BIGINT) WITH ('connector' = 'print');

SET 'execution.runtime-mode' = 'batch';

INSERT INTO totals SELECT COUNT(*), SUM(number) FROM numbers;
