"""The codes of what goes wrong on this machine only."""

from __future__ import annotations

from dcluster_provider.core.diagnosis import DiagnosisCode


class LocalCode(DiagnosisCode):
    """What goes wrong on this machine only."""

    ENGINES_FOLDER_UNUSABLE = (
        "EnginesFolderUnusable",
        "The folder that engines are installed into cannot be written.",
    )
    ENGINE_INSTALL_FAILED = "EngineInstallFailed", "An engine could not be installed."
    ENGINE_MISSING = "EngineMissing", "The engine of a cluster is not installed any more."
    ENGINE_UNUSABLE = "EngineUnusable", "An engine was installed, and its Java or Python does not run here."
    FILE_SYSTEM_MISSING = "FileSystemMissing", "What an engine reads S3 by is not on this machine."
    INSTALLER_MISSING = "InstallerMissing", "There is neither uv nor a Python that makes environments."
    JAVA_MISSING = "JavaMissing", "There is no Java on this machine, and none could be installed."
    JAVA_UNSUITABLE = "JavaUnsuitable", "The Java of the setting java_home cannot run the engine."
    PACKAGE_INDEX_UNREACHABLE = (
        "PackageIndexUnreachable",
        "The index that engines are installed from does not answer.",
    )
    PROCESS_LOST = "ProcessLost", "A process runs no more, and how it ended is not known."
    PYTHON_UNSUITABLE = "PythonUnsuitable", "No Python of this machine can run the engine."
    SETTING_INVALID = "SettingInvalid", "A setting of a job cannot be used."
    START_FAILED = "StartFailed", "A process could not be started."
