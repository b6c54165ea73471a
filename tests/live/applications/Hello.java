import org.apache.flink.table.functions.ScalarFunction;

/** A function of SQL that a job brings. */
public class Hello extends ScalarFunction {
    public String eval(String name) {
        return "hello " + name;
    }
}
