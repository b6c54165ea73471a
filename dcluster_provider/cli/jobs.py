"""The commands ``airflow dcluster jobs ...``."""

from __future__ import annotations

import sys
import time
from argparse import Namespace

from dcluster_provider.cli.printing import print_jobs, print_record
from dcluster_provider.cli.session import (
    asked_for,
    command,
    own_hook,
    paged,
    person,
    print_progress,
    read_spec,
)
from dcluster_provider.control.savepoints import raise_if_savepoint_failed, savepoint_of
from dcluster_provider.core.errors import PlatformUnavailable
from dcluster_provider.core.record import Job, JobState, parse_states
from dcluster_provider.hooks.dcluster import DClusterHook

_FINAL = tuple(state for state in JobState if state.is_final)
_STARTED = tuple(state for state in JobState if state not in {JobState.REQUESTED, JobState.FAILED})


@command
def list_jobs(args: Namespace, hook: DClusterHook) -> None:
    """List jobs, newest first."""
    jobs = paged(
        hook.control.registry.jobs.list,
        args.limit,
        states=parse_states(JobState, args.state),
        client=args.client,
        module=args.module,
        **asked_for(args),
    )
    print_jobs(jobs, args.output)


@command
def show_jobs(args: Namespace, hook: DClusterHook) -> None:
    """Poll a job, and print it with its events."""
    job = hook.jobs.get(args.job_id)
    hook = own_hook(hook, job)
    job = hook.jobs.observe([job.id])[job.id]
    print_record(job, hook.control.registry.events.list(job_id=job.id), args.output, hook.jobs.info(job.id))


@command
def submit_jobs(args: Namespace, hook: DClusterHook) -> None:
    """Submit a job, wait until it has started and print its id (as JSON, the whole job).

    With ``--wait`` it waits until the job has ended, and the exit code is 1 unless it succeeded.
    """
    job = hook.jobs.submit(read_spec(args.spec), args.key, actor=person(), report=print_progress)
    printed: list[JobState] = []

    def print_state(polled: Job) -> None:
        if printed[-1:] != [polled.state]:
            printed.append(polled.state)
            print_progress(f"{polled}: {polled.state.value}")

    states = (JobState.SUCCEEDED,) if args.wait else _STARTED
    job = hook.jobs.wait(job.id, states, args.timeout, on_poll=print_state)
    if args.output == "json":
        print_record(job, (), args.output)
    else:
        print(job.id)  # noqa: T201  # a command's output


@command
def terminate_jobs(args: Namespace, hook: DClusterHook) -> None:
    """Stop a job and print its state.

    With ``--savepoint`` it waits until the job has ended, and prints the savepoint's folder (as JSON, the whole job).
    """
    hook = own_hook(hook, hook.jobs.get(args.job_id))
    job = hook.jobs.terminate(args.job_id, savepoint=args.savepoint, actor=person())
    if not args.savepoint:
        print_jobs([job], args.output)
        return
    job = hook.jobs.wait(job.id, _FINAL, args.timeout, on_poll=raise_if_savepoint_failed)
    folder = savepoint_of(job)
    if args.output == "json":
        print_record(job, (), args.output)
    else:
        print(folder)  # noqa: T201  # a command's output


@command
def logs_jobs(args: Namespace, hook: DClusterHook) -> None:
    """Print a job's log, and with ``--follow`` continue until the job has ended."""
    hook, offset, trouble = own_hook(hook, hook.jobs.get(args.job_id)), 0, ""
    while True:
        ended = not args.follow or hook.jobs.observe([args.job_id])[args.job_id].state in _FINAL
        try:
            while (part := hook.jobs.read_log(args.job_id, offset)).text:
                sys.stdout.write(part.text)
                offset, trouble = part.end, ""
        except PlatformUnavailable as error:
            if ended:
                raise
            if trouble != str(error):
                trouble = str(error)
                print_progress(f"The log cannot be read now, and will be retried: {error}")
        sys.stdout.flush()
        if ended:
            break
        time.sleep(1)
    if offset == 0:
        print_progress(hook.jobs.why_log_is_empty(args.job_id))
