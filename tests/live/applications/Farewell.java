/** A class of a Maven package that a job brings. */
public class Farewell {
    public static String bye() {
        return "bye from the package";
    }
}
