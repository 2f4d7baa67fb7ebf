"""Which tests a Windows does not run, and why; loaded by every pytest, at work on Windows only.

Nothing is skipped there: what cannot be seen is not even chosen, and each line here says why. A
line that fits no test is a mistake, and so is a test that skips itself.
"""

from __future__ import annotations

import ctypes
import sys

import pytest

LINKS = "links of the file system, which a Windows user may not make"
SCRIPTS = "programs that are scripts of sh"
MODES = "permissions of POSIX"
NAMES = "names that Windows has no files of"
SIGNALS = "signals"
PIPES = "named pipes among files"
WORDS = "a message of the system, or a path, in its POSIX spelling"
BUBBLEWRAP = "bubblewrap, which is Linux'"
CTRL_BREAK = "Wine sends no CTRL_BREAK: packages are not asked to end, only killed"
MANY = "it starts hundreds of programs, and Wine starts three a second"
MOMENT = "a worker that lives for a moment has not begun by then where Wine is slow"
TIME = "it says nothing of a system, and takes Wine many seconds"
INVALID_NAME = "Wine says 'invalid name' where Windows says 'no folder' (267) or 'not found' (3)"
SLOW_FOLDERS = "a look into a folder takes Wine longer than the 6 ms that the test gives it"
LATE_FOLDERS = "a look into a folder has once taken a busy Wine longer than the 10 s of the pool"
CONSOLE = "Wine's console is of the old kind: rich leaves its last column free and its colours out"

POSIX = {
    "tests/contract/test_directory_messages.py::test_what_does_not_look_like_ours_is_not_looked_at":
        LATE_FOLDERS,
    "tests/unit/cli/autostart/test_keeping.py": SCRIPTS,
    "tests/unit/cli/autostart/test_entries.py": "entries of other desktops, with paths of POSIX",
    "tests/unit/cli/test_interrupts.py": SIGNALS,
    "tests/unit/cli/test_agent_commands.py::test_to_ask_the_agent_imports_nothing_heavy":
        "ctypes is how Windows is asked, and costs 3 ms",
    "tests/unit/cli/test_passwords.py::test_nobody_else_may_read_the_file_but_a_group": MODES,
    "tests/unit/cli/doctor/test_looks.py::test_the_files_that_are_read_are_told_in_their_order":
        WORDS,
    "tests/unit/cli/doctor/test_looks.py::test_each_mistake_is_a_wrong_line_of_its_own": WORDS,
    "tests/unit/cli/test_log_reading.py::test_what_is_written_is_shown_line_by_line_over_a_rot":
        "a file that is open is not renamed there: it grows on until nobody reads it",
    "tests/unit/control/test_claims.py::test_what_a_claim_writes_is_private": MODES,
    "tests/unit/control/test_claims.py::test_the_machines_lock_is_taken_of_a_file_that_only_"
        "another_user_may_write": MODES,
    "tests/unit/control/test_claims.py::test_a_trap_in_the_place_of_the_machines_lock_is_not_"
        "stepped_into": LINKS,
    "tests/unit/control/test_pipe.py::test_a_stopped_worker_does_not_stop_its_agent": SIGNALS,
    "tests/unit/employer/test_checking.py::test_a_check_that_dies_is_wrong_too": SIGNALS,
    "tests/unit/employer/test_checking.py::test_a_child_that_holds_the_pipe_does_not_hold_the_":
        "the folder of a program that still runs stays there until it has ended",
    "tests/unit/employer/test_checking.py::test_nothing_is_started_from_the_folder_of_the_result":
        SCRIPTS,
    "tests/unit/employer/test_job.py::test_an_input_that_has_gone_or_become_a_link_is_an_error":
        LINKS,
    "tests/unit/employer/test_loading.py::test_links_devices_and_empty_folders_do_not_travel":
        PIPES,
    "tests/unit/employer/test_loading.py::test_a_folder_that_is_a_link_is_refused": LINKS,
    "tests/unit/employer/test_loading.py::test_a_file_that_may_not_be_read_is_told": MODES,
    "tests/unit/employer/test_loading.py::test_all_mistakes_of_the_folder_come_at_once": NAMES,
    "tests/unit/employer/test_loading.py::test_a_mistake_has_one_clear_line[changes48": NAMES,
    "tests/unit/employer/test_loading.py::test_a_mistake_has_one_clear_line[changes49": NAMES,
    "tests/unit/employer/test_loading.py::test_a_mistake_has_one_clear_line[changes55": NAMES,
    "tests/unit/employer/test_loading.py::test_a_mistake_has_one_clear_line[changes56": NAMES,
    "tests/unit/employer/test_loading.py::test_a_mistake_has_one_clear_line[changes57": NAMES,
    "tests/unit/employer/test_local_run.py::test_a_program_of_the_job_itself_runs": SCRIPTS,
    "tests/unit/employer/test_local_run.py::test_a_new_job_overwrites_nothing": LINKS,
    "tests/unit/employer/test_packing.py::test_without_its_common_files_nothing": LINKS,
    "tests/unit/agent/test_ledger.py::test_a_disk_that_fills_in_the_middle": LINKS,
    "tests/unit/employer/test_results.py::test_links_are_never_followed": LINKS,
    "tests/unit/employer/test_results.py::test_a_file_in_the_way_is_a_clear_error[results/a1]":
        WORDS,
    "tests/unit/employer/test_results.py::test_a_full_disk_says_what_and_where": WORDS,
    "tests/unit/execution/test_busy_pc.py": "shares of a processor, as Linux gives them",
    "tests/unit/execution/test_runner.py::test_a_package_in_a_sandbox": BUBBLEWRAP,
    "tests/unit/execution/test_runner.py::test_a_sandbox_keeps": BUBBLEWRAP,
    "tests/unit/execution/test_runner.py::test_a_runner_holds_nothing_that_is_heavy":
        "psutil, which only Windows' runner needs, imports socket",
    "tests/unit/execution/test_runner.py::test_how_far_a_runner_came_outlives_it":
        "an open file cannot be replaced there; a runner's has been let go of before the next",
    "tests/unit/execution/test_running.py::test_a_failure_says_how_the_program_ended[crashes":
        SIGNALS,
    "tests/unit/execution/test_running.py::test_a_package_does_not_inherit_that_python_ignores_"
        "broken_pipes": SIGNALS,
    "tests/unit/execution/test_running.py::test_only_regular_files_come_back": PIPES,
    "tests/unit/execution/test_running.py::test_a_link_in_place_of_an_output_fails_the_package":
        LINKS,
    "tests/unit/execution/test_running.py::test_whatever_a_package_leaves_the_next_one_finds_"
        "nothing": NAMES,
    "tests/unit/settings/test_layers.py::test_the_folder_of_a_user_that_there_is_not_is_no":
        "Windows' Python makes a path of any user's name",
    "tests/unit/trust/test_programs.py::test_a_link_to_an_interpreter_is_one": LINKS,
}  # fmt: skip
"""Beginning of a test's name: what it looks at that Windows has not."""

WINE = {
    "tests/unit/agent/test_pauses.py": TIME,
    "tests/unit/agent/test_ledger.py::test_a_ledger_that_has_grown_is_put_together": TIME,
    "tests/unit/agent/test_ledger.py::test_ever_new_jobs_do_not_make_it_grow": TIME,
    "tests/unit/agent/test_loop.py::test_a_worker_that_dies_leaves_nothing_and_another": MOMENT,
    "tests/unit/agent/test_loop.py::test_work_now_works_outside_the_hours_for_as_long": MOMENT,
    "tests/contract/test_worker.py": TIME,
    "tests/unit/policy/test_replay.py": TIME,
    "tests/unit/employer/test_loading.py::test_too_many_files_for_a_message_are_told": TIME,
    "tests/unit/employer/test_table.py::test_what_a_csv_writer_wrote_is_read_back_as_it_was": TIME,
    "tests/unit/model/test_templates.py::test_filling_in_puts_the_values_between_the_texts": TIME,
    "tests/contract/test_pools.py::test_a_receive_that_is_cancelled_loses_noth": SLOW_FOLDERS,
    "tests/unit/employer/test_checking.py::test_checks_run_side_by_side_but_not_more_than": MANY,
    "tests/unit/execution/test_running.py::test_slots_that_come_and_go_all": MANY,
    "tests/unit/execution/test_running.py::test_a_list_of_small_packages": MANY,
    "tests/contract/test_directory.py::test_a_file_is_no_pool": INVALID_NAME,
    "tests/contract/test_directory_check.py::test_what_is_not_jobmans_is_not_cleaned":
        INVALID_NAME,
    "tests/unit/cli/test_policy_week.py::test_a_week_fits_into_80_columns_and_says_everything_"
        "without_colour": CONSOLE,
    "tests/unit/cli/test_progress_view.py::test_without_colours_the_bar_still_tells_the_states_"
        "apart": CONSOLE,
    "tests/unit/execution/test_limits.py::test_a_package_past_its_time_is_asked_to_end_and_its_"
        "outputs_come_back": CTRL_BREAK,
}  # fmt: skip
"""Beginning of a test's name: what Wine does not show, though Windows should."""

PLACES = ("broker", "root", "strace", "povray", "macos", "wine")
"""Markers of tests that need what is not there."""


CLOSING_LINE = "closing line on Windows"
"""The property of an outer test that holds it."""


def under_wine() -> bool:
    """Whether this Windows is Wine."""
    return sys.platform == "win32" and hasattr(ctypes.WinDLL("ntdll"), "wine_get_version")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not to be seen on this Windows."""
    if sys.platform != "win32":
        return
    lines = {**POSIX, **(WINE if under_wine() else {})}
    out = [item for item in items if _why_not(item, lines)]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """On the outer side: show how the runs on Windows ended."""
    reports = [one for how in ("passed", "failed") for one in terminalreporter.stats.get(how, ())]
    for report in reports:
        for name, text in report.user_properties:
            if name == CLOSING_LINE:
                terminalreporter.write_line(f"on Windows (Wine): {text}")


def _why_not(item: pytest.Item, lines: dict[str, str]) -> str:
    if any(item.get_closest_marker(name) for name in PLACES):
        return "it needs what is not there"
    if any(mark.args and mark.args[0] is True for mark in item.iter_markers("skipif")):
        return "it says so itself"
    return next((why for name, why in lines.items() if item.nodeid.startswith(name)), "")
