import java.util.Map;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** Numbers that end, that fail at the fiftieth, or that never end. */
public class Numbers {
    public static void main(String[] args) throws Exception {
        String how = args.length > 0 ? args[0] : "";
        if (how.equals("main")) {
            throw new IllegalStateException("main says no");
        }
        boolean fails = how.equals("record");
        boolean endless = how.equals("endless");
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment();
        Map<String, String> handed = environment.getConfig().getGlobalJobParameters().toMap();
        System.out.println("handed " + handed.get("dcluster.jobId") + " " + handed.get("dcluster.pipelineConfig"));
        environment
                .fromSequence(1, endless ? Long.MAX_VALUE : 100)
                .map(number -> {
                    if (fails && number == 50) {
                        throw new RuntimeException("record " + number + " is bad");
                    }
                    if (endless) {
                        Thread.sleep(20);
                    }
                    return number;
                })
                .returns(Long.class)
                .print();
        environment.execute("numbers");
    }
}
