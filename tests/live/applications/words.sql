-- Three statements that write, one of them twice; and one that reads.
SET 'execution.runtime-mode' = 'batch';
CREATE TABLE words (word STRING, line INT) WITH ('connector' = 'filesystem', 'path' = '${folder}/words', 'format' = 'csv');
CREATE TABLE counts (word STRING, times BIGINT) WITH ('connector' = 'filesystem', 'path' = '${folder}/counts', 'format' = 'csv');
INSERT INTO words VALUES ('to;be', 1), ('or', 1), ('to;be', 2);
EXECUTE STATEMENT SET BEGIN
    INSERT INTO counts SELECT word, COUNT(*) FROM words GROUP BY word;
    INSERT INTO counts SELECT 'lines', COUNT(DISTINCT line) FROM words;
END;
SELECT * FROM counts ORDER BY word;
