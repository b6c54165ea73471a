-- Orders of a day, made up, and what each customer has spent; the day and the number come from the DAG run.
SET spark.sql.shuffle.partitions = 2;

CREATE TEMPORARY VIEW orders AS
SELECT DATE '{{ (dag_run.logical_date or dag_run.run_after) | ds }}' AS day, id % 3 AS customer, id % 7 AS amount
FROM range({{ params.rows }});

SELECT day, customer, COUNT(*) AS orders, SUM(amount) AS spent
FROM orders
GROUP BY day, customer
ORDER BY customer;
