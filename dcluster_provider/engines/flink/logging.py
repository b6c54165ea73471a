"""What Flink's processes log, as log4j reads it."""

from __future__ import annotations

_LOGGING = """\
rootLogger.level = {level}
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{{yyyy-MM-dd HH:mm:ss,SSS}} %-5p %c{{1}} - %m%n
# It would print the whole environment.
logger.environment.name = org.apache.flink.client.python.PythonEnvUtils
logger.environment.level = warn
"""
DAEMON_LOGGING = _LOGGING.format(level="info")
# A client's log is the job's: what it submits, what goes wrong, and what the program prints.
CLIENT_LOGGING = (
    _LOGGING.format(level="warn")
    + """\
# Both say again what is printed anyway.
logger.driver.name = org.apache.flink.client.python.PythonDriver
logger.driver.level = off
logger.frontend.name = org.apache.flink.client.cli.CliFrontend
logger.frontend.level = off
logger.submissions.name = org.apache.flink.client.program.rest.RestClusterClient
logger.submissions.level = info
"""
)
