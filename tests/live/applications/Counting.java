import java.io.FileWriter;
import java.io.PrintWriter;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** Numbers without end, each counted in keyed state; the second argument renames the operator that holds it. */
public class Counting {
    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment();
        environment
                .fromSequence(1, Long.MAX_VALUE)
                .uid("numbers")
                .map(number -> {
                    Thread.sleep(10); // before the queue between the two tasks, which a savepoint waits for
                    return number;
                })
                .returns(Long.class)
                .uid("pace")
                .keyBy(number -> 0)
                .process(new Count(args[0]))
                .returns(String.class)
                .uid(args.length > 1 ? args[1] : "count")
                .print();
        environment.execute("counting");
    }

    /** Writes a line for each number: the number, and how many there have been. */
    private static class Count extends KeyedProcessFunction<Integer, Long, String> {
        private final String file;
        private transient ValueState<Long> counted;

        Count(String file) {
            this.file = file;
        }

        @Override
        public void open(OpenContext context) {
            counted = getRuntimeContext().getState(new ValueStateDescriptor<>("counted", Long.class));
        }

        @Override
        public void processElement(Long number, Context context, Collector<String> out) throws Exception {
            long count = counted.value() == null ? 1 : counted.value() + 1;
            counted.update(count);
            String line = number + " " + count;
            if (file.startsWith("/")) {
                try (PrintWriter writer = new PrintWriter(new FileWriter(file, true))) {
                    writer.println(line);
                }
            } else {
                out.collect(line);
            }
        }
    }
}
