-- Numbers without end, counted: a job of SQL that has state.
CREATE TABLE numbers (n BIGINT) WITH (
    'connector' = 'datagen', 'rows-per-second' = '100',
    'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '20000'
);
CREATE TABLE counted (n BIGINT, rows_so_far BIGINT) WITH ('connector' = 'print', 'print-identifier' = 'counted');
INSERT INTO counted SELECT MAX(n), COUNT(*) FROM numbers;
