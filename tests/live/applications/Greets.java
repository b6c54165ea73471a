import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** A Flink job that needs a class of another jar, which it brings. */
public class Greets {
    public static void main(String[] arguments) throws Exception {
        Object greeting = Class.forName("Greeting").getMethod("hello").invoke(null);
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment();
        environment.fromSequence(1, 3).map(number -> number + greeting.toString().length()).print();
        environment.execute("greets");
    }
}
