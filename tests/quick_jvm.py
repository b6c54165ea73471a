"""How the tests' JVMs start sooner: they live for seconds, too short for well compiled code to pay."""

VARIABLE = "JDK_JAVA_OPTIONS"  # read by every `java` of Java 9 and later
OPTIONS = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
