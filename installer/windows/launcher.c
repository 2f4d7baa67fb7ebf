/* Two programs from one source; each stands in the folder of the installation, beside python\.

   jobman.exe         (console)           the command `jobman`: this installation's Python, run with
                                          -m jobman_agent and the words of the command line.
   jobman-agent.exe   (-DAGENT, windows)  what starts at login, under its own name and icon: it runs
                                          `jobman agent`, and runs it again when it ended with
                                          anything but 0, later and later. No Python in it: 1 MB.
       jobman-agent.exe --stop            ends both: what is held is handed back first. Exit code
                                          0; 5 where none ran; anything else: one runs still.
       jobman-agent.exe --run             the agent itself (the child of the first).

   One for each session of a user: a second one ends at once. */
#include <windows.h>
#include <shellapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

#define LONGEST 32768
#define FIRST_WAIT_MS 5000
#define LONGEST_WAIT_MS 300000
#define GOOD_RUN_MS 600000
#define STOP_WAIT_MS 30000

typedef int (*main_function)(int, wchar_t **);

static wchar_t folder[LONGEST];

static void find_folder(void)
{
    GetModuleFileNameW(NULL, folder, LONGEST);
    wchar_t *slash = wcsrchr(folder, L'\\');
    if (slash) *slash = 0;
}

/* Runs Python in this process: -m jobman_agent, then the given words. */
static int run_python(int count, wchar_t **words)
{
    static wchar_t library[LONGEST], program[LONGEST];
    swprintf(library, LONGEST, L"%ls\\python\\" PYTHON_DLL, folder);
    swprintf(program, LONGEST, L"%ls\\python\\python.exe", folder); /* so that it finds its files */
    HMODULE python = LoadLibraryExW(library, NULL, LOAD_WITH_ALTERED_SEARCH_PATH);
    main_function run = python ? (main_function)(void *)GetProcAddress(python, "Py_Main") : NULL;
    if (!run) {
        fwprintf(stderr, L"jobman: %ls cannot be loaded: install jobman again\n", library);
        return 70;
    }
    wchar_t **arguments = calloc(count + 4, sizeof *arguments);
    int used = 0;
    arguments[used++] = program;
    arguments[used++] = L"-m";
    arguments[used++] = L"jobman_agent";
    for (int i = 0; i < count; i++) arguments[used++] = words[i];
    return run(used, arguments);
}

#ifndef AGENT

int wmain(int count, wchar_t **words)
{
    find_folder();
    return run_python(count - 1, words + 1);
}

#else

#define NAME(kind) L"Local\\jobman-launcher-" kind

/* Starts this program again, or jobman.exe; nothing that it prints may be lost without a trace. */
static HANDLE start(const wchar_t *program, const wchar_t *words, const wchar_t *file)
{
    static wchar_t line[LONGEST], said[LONGEST];
    swprintf(line, LONGEST, L"\"%ls\\%ls\" %ls", folder, program, words);
    GetTempPathW(LONGEST, said);
    wcsncat(said, file, LONGEST - wcslen(said) - 1);
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    HANDLE nothing = CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE,
                                 &inherited, OPEN_EXISTING, 0, NULL);
    HANDLE out = CreateFileW(said, GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherited,
                             CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    if (out == INVALID_HANDLE_VALUE)
        out = CreateFileW(L"NUL", GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherited,
                          OPEN_EXISTING, 0, NULL);
    STARTUPINFOW how;
    ZeroMemory(&how, sizeof how);
    how.cb = sizeof how;
    how.dwFlags = STARTF_USESTDHANDLES;
    how.hStdInput = nothing;
    how.hStdOutput = how.hStdError = out;
    PROCESS_INFORMATION made;
    BOOL ok = CreateProcessW(NULL, line, NULL, NULL, TRUE, CREATE_NO_WINDOW, NULL, NULL, &how, &made);
    CloseHandle(nothing);
    CloseHandle(out);
    if (!ok) return NULL;
    CloseHandle(made.hThread);
    return made.hProcess;
}

/* Runs the agent until it ends well, or until it is told to stop. */
static int keep_running(void)
{
    HANDLE only = CreateMutexW(NULL, TRUE, NAME(L"runs"));
    if (GetLastError() == ERROR_ALREADY_EXISTS) return 0;
    HANDLE stop = CreateEventW(NULL, TRUE, FALSE, NAME(L"stop"));
    ResetEvent(stop);
    DWORD wait = FIRST_WAIT_MS, code = 1;
    for (;;) {
        ULONGLONG began = GetTickCount64();
        HANDLE agent = start(L"jobman-agent.exe", L"--run", L"jobman-agent.txt");
        if (agent) {
            WaitForSingleObject(agent, INFINITE);
            GetExitCodeProcess(agent, &code);
            CloseHandle(agent);
        }
        if (agent && code == 0) break;
        if (GetTickCount64() - began > GOOD_RUN_MS) wait = FIRST_WAIT_MS;
        if (WaitForSingleObject(stop, wait) == WAIT_OBJECT_0) break;
        wait = wait * 2 > LONGEST_WAIT_MS ? LONGEST_WAIT_MS : wait * 2;
    }
    ReleaseMutex(only);
    return 0;
}

/* Ends the agent, with everything handed back, and the program that would start it again. */
static int stop_all(void)
{
    HANDLE stop = OpenEventW(EVENT_MODIFY_STATE, FALSE, NAME(L"stop"));
    if (stop) SetEvent(stop);
    HANDLE quit = start(L"jobman.exe", L"quit", L"jobman-quit.txt");
    DWORD code = 70;
    if (quit && WaitForSingleObject(quit, STOP_WAIT_MS) == WAIT_OBJECT_0)
        GetExitCodeProcess(quit, &code);
    HANDLE runs = OpenMutexW(SYNCHRONIZE, FALSE, NAME(L"runs"));
    if (runs && WaitForSingleObject(runs, STOP_WAIT_MS) == WAIT_TIMEOUT) return 1;
    return code == 5 && runs ? 0 : (int)code; /* 5: there was no agent, perhaps between two */
}

int WINAPI wWinMain(HINSTANCE self, HINSTANCE before, PWSTR line, int show)
{
    find_folder();
    int count = 0;
    wchar_t **words = CommandLineToArgvW(GetCommandLineW(), &count);
    if (count > 1 && wcscmp(words[1], L"--stop") == 0) return stop_all();
    if (count > 1 && wcscmp(words[1], L"--run") == 0) {
        words[1] = L"agent";
        return run_python(count - 1, words + 1);
    }
    return keep_running();
}

#endif
