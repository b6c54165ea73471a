CREATE TEMPORARY FUNCTION hello AS 'Hello';
SELECT hello('Flink') AS greeting;
