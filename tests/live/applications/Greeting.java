/** A class that a job brings. */
public class Greeting {
    public static String hello() {
        return "hello from the jar";
    }
}
