import org.apache.spark.sql.SparkSession;

/** Counts ten rows on Spark. */
public class Rows {
    public static void main(String[] arguments) {
        SparkSession session = SparkSession.builder().getOrCreate();
        System.out.println("rows " + session.range(10).count());
        session.stop();
    }
}
