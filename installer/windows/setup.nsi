; jobman's setup for one user of Windows: no administrator is needed.
;     makensis -DVERSION=1.2.3 -DTREE=folder -DOUT=jobman-setup.exe -DCOMPRESS=lzma -DMEGABYTES=60 setup.nsi
; What it does beyond laying files is in after_setup.py, which the installed Python runs.
;
; Exit codes: 0 done; 1 it could not be done, and everything is as before; 2 a preset is wrong:
; installed, but nothing is started; 4 not for this user.
Unicode true
Target amd64-unicode
SetCompressor /SOLID ${COMPRESS}
ManifestDPIAware true
RequestExecutionLevel user
!include MUI2.nsh
!include FileFunc.nsh
!include LogicLib.nsh
!include nsDialogs.nsh

!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\Jobman"
!define AGENT "$INSTDIR\jobman-agent.exe"
!define PYTHON '"$INSTDIR\python\python.exe" "$INSTDIR\after_setup.py"'

Name "jobman ${VERSION}"
OutFile "${OUT}"
InstallDir "$LOCALAPPDATA\Programs\Jobman"
InstallDirRegKey HKCU "Software\Jobman" "InstallDir"
VIProductVersion "${VERSION}.0"
VIAddVersionKey "ProductName" "jobman"
VIAddVersionKey "CompanyName" "The jobman developers"
VIAddVersionKey "FileDescription" "jobman setup"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "LegalCopyright" "MIT licence"

Var Parameters
Var Pool
Var PoolField
Var Answer
Var WasRunning
Var Told

!define MUI_ICON "${TREE}\jobman.ico"
!define MUI_UNICON "${TREE}\jobman.ico"
!define MUI_FINISHPAGE_TEXT "jobman's icon is in the notification area. It says what this PC does for others, and why; one click pauses it.$\r$\n$\r$\nWhat it may do stands in one file: choose Settings in the icon's menu."
!insertmacro MUI_PAGE_WELCOME
Page custom AskPool TakePool
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

; Tells whoever waits: in a window, or, when silent, in the console it was started from.
!macro SAY ICON TEXT
  DetailPrint "${TEXT}"
  ${If} ${Silent}
    System::Call 'kernel32::AttachConsole(i -1)'
    System::Call 'kernel32::GetStdHandle(i -11) p .r9'
    System::Call 'kernel32::lstrlenA(m "jobman: ${TEXT}$\r$\n") i .r8'
    System::Call 'kernel32::WriteFile(p r9, m "jobman: ${TEXT}$\r$\n", i r8, *i, p 0)'
  ${Else}
    MessageBox MB_OK|${ICON} "${TEXT}"
  ${EndIf}
!macroend

!macro FAIL CODE TEXT
  StrCpy $Told 1
  !insertmacro SAY MB_ICONSTOP "${TEXT}"
  SetErrorLevel ${CODE}
  Quit
!macroend

Function .onInit
  ${GetParameters} $Parameters
  ; Deployment tools run setups as SYSTEM, whose folders nobody logs in to.
  System::Call 'advapi32::GetUserName(t .r0, *i ${NSIS_MAX_STRLEN} r1)'
  StrLen $1 "\systemprofile"
  StrCpy $2 $PROFILE "" -$1
  ${If} $0 == "SYSTEM"
  ${OrIf} $2 == "\systemprofile"
    !insertmacro FAIL 4 "this setup is for a user: run it in the user's own context, not as SYSTEM"
  ${EndIf}
FunctionEnd

; Without an ini, and without /POOL=, the pool is asked for.
Function AskPool
  ClearErrors
  ${GetOptions} $Parameters "/POOL=" $Pool
  ${IfNot} ${Errors}
    Abort
  ${EndIf}
  IfFileExists "$LOCALAPPDATA\jobman\jobman.ini" 0 +2
    Abort
  !insertmacro MUI_HEADER_TEXT "The pool" "Where employers and workers of your office meet."
  nsDialogs::Create 1018
  Pop $0
  ${NSD_CreateLabel} 0 0 100% 36u "Your IT gives you this: a shared folder (dir:\\server\jobman) or a RabbitMQ server (amqps://rabbit.office/jobman). It can stay empty, and be named in the settings later."
  Pop $0
  ${NSD_CreateText} 0 40u 100% 12u ""
  Pop $PoolField
  nsDialogs::Show
FunctionEnd

Function TakePool
  ${NSD_GetText} $PoolField $Pool
  ${If} $Pool != ""
    StrCpy $Parameters '$Parameters "/POOL=$Pool"'
  ${EndIf}
FunctionEnd

; Whatever stops the copying, a full disk above all.
Function .onInstFailed
  ${If} $Told != 1
    Call TakeBack
    !insertmacro FAIL 1 "jobman could not be copied to $INSTDIR (is the disk full?); nothing was changed."
  ${EndIf}
FunctionEnd

Function TakeBack
  SetOutPath "$TEMP"
  RMDir /r "$INSTDIR\new"
  RMDir "$INSTDIR"
FunctionEnd

; The new files are laid beside the old ones and tried before anything of the old is touched.
Section
  SetOutPath "$INSTDIR"
  SetOverwrite on
  RMDir /r "$INSTDIR\new"
  System::Call 'kernel32::GetDiskFreeSpaceEx(t "$INSTDIR", *l .r0, *l, *l) i .r1'
  ${If} $1 != 0
    System::Int64Op $0 / 1000000
    Pop $0
    System::Int64Op $0 < ${MEGABYTES}
    Pop $1
    ${If} $1 == 1
      Call TakeBack
      !insertmacro FAIL 1 "$INSTDIR needs ${MEGABYTES} MB free; there are $0. Nothing was changed."
    ${EndIf}
  ${EndIf}
  ClearErrors
  SetOutPath "$INSTDIR\new"
  File /r "${TREE}\*.*"
  nsExec::ExecToStack /TIMEOUT=120000 '"$INSTDIR\new\python\python.exe" "$INSTDIR\new\after_setup.py" verify'
  Pop $Answer
  Pop $0
  ${If} $Answer != 0
    Call TakeBack
    !insertmacro FAIL 1 "jobman could not be copied to $INSTDIR (is the disk full?); nothing was changed. $0"
  ${EndIf}
  SetOutPath "$INSTDIR"
  StrCpy $WasRunning 0
  ${If} ${FileExists} "${AGENT}"
    DetailPrint "handing back what the agent holds"
    nsExec::Exec /TIMEOUT=90000 '"${AGENT}" --stop'
    Pop $Answer
    ${If} $Answer == 0
      StrCpy $WasRunning 1
    ${EndIf}
  ${EndIf}
  RMDir /r "$INSTDIR\old"
  ${If} ${FileExists} "$INSTDIR\python"
    ClearErrors
    CreateDirectory "$INSTDIR\old"
    Rename "$INSTDIR\python" "$INSTDIR\old\python"
    ${If} ${Errors}
      RMDir /r "$INSTDIR\new"
      RMDir "$INSTDIR\old"
      Exec '"${AGENT}"'
      !insertmacro FAIL 1 "a program in $INSTDIR is still running; close it and try again. Nothing was changed."
    ${EndIf}
  ${EndIf}
  Rename "$INSTDIR\new\python" "$INSTDIR\python"
  CopyFiles /SILENT "$INSTDIR\new\*.*" "$INSTDIR"
  RMDir /r "$INSTDIR\new"
  RMDir /r "$INSTDIR\old"
  WriteUninstaller "$INSTDIR\uninstall.exe"
  CreateShortcut "$SMPROGRAMS\jobman.lnk" "${AGENT}" "" "${AGENT}"
  WriteRegStr HKCU "Software\Jobman" "InstallDir" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayName" "jobman"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayIcon" "${AGENT}"
  WriteRegStr HKCU "${UNINSTALL}" "Publisher" "The jobman developers"
  WriteRegStr HKCU "${UNINSTALL}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKCU "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKCU "${UNINSTALL}" "NoModify" 1
  WriteRegDWORD HKCU "${UNINSTALL}" "NoRepair" 1
  ${GetSize} "$INSTDIR" "/S=0K" $0 $1 $2
  WriteRegDWORD HKCU "${UNINSTALL}" "EstimatedSize" $0

  nsExec::ExecToStack /TIMEOUT=120000 '${PYTHON} install $Parameters'
  Pop $Answer
  Pop $0
  ${If} $Answer == 0
    DetailPrint "$0"
  ${ElseIf} $Answer == 10
    ; All is right, and the user wants no agent now.
    DetailPrint "$0"
  ${Else}
    !insertmacro SAY MB_ICONEXCLAMATION "$0"
    SetErrorLevel 2
    Return
  ${EndIf}
  ${If} $Answer == 0
  ${OrIf} $WasRunning == 1
    Exec '"${AGENT}"'
  ${EndIf}
SectionEnd

Section "Uninstall"
  SetOutPath "$TEMP"
  nsExec::Exec /TIMEOUT=90000 '"${AGENT}" --stop'
  Pop $Answer
  nsExec::ExecToStack /TIMEOUT=60000 '${PYTHON} remove'
  Pop $Answer
  Pop $0
  DetailPrint "$0"
  DeleteRegKey HKCU "${UNINSTALL}"
  DeleteRegKey HKCU "Software\Jobman"
  Delete "$SMPROGRAMS\jobman.lnk"
  RMDir /r "$INSTDIR\python"
  RMDir /r "$INSTDIR\old"
  RMDir /r "$INSTDIR\new"
  Delete "$INSTDIR\jobman.exe"
  Delete "$INSTDIR\jobman-agent.exe"
  Delete "$INSTDIR\jobman.ico"
  Delete "$INSTDIR\after_setup.py"
  Delete "$INSTDIR\files.json"
  Delete "$INSTDIR\LICENSE.txt"
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
SectionEnd
