; SPDX-License-Identifier: MIT
; The setup program. It puts files into Program Files and leaves the service to the verbs of gsrelayd.exe.
; Values come with -D from scripts/package_windows.sh. All strings are UTF-8.
;
;   setup.exe /S [/START=auto|delayed|manual] [/ACCOUNT=NAME] [/FIREWALL] [/D=FOLDER]    (/D last, no quotes)
;   uninstall.exe /S
;
; Exit codes: 0 done, 1 ended by the user, 2 not done.

Unicode true
; A 64-bit program: it runs where nothing of 32 bits is installed.
Target amd64-unicode
SetCompressor /SOLID lzma
SetDateSave on
AllowSkipFiles off
RequestExecutionLevel admin
ManifestSupportedOS Win10
Name "${PRODUCT}"
OutFile "${OUTPUT}"
InstallDir "$PROGRAMFILES64\${PRODUCT}"
BrandingText "${PRODUCT} ${VERSION}"

VIProductVersion "${VERSION}.0"
VIFileVersion "${VERSION}.0"
VIAddVersionKey CompanyName "${PUBLISHER}"
VIAddVersionKey FileDescription "${PRODUCT} setup"
VIAddVersionKey FileVersion "${VERSION}"
VIAddVersionKey LegalCopyright "Copyright (c) ${YEAR} ${HOLDER}. MIT licence"
VIAddVersionKey ProductName "${PRODUCT}"
VIAddVersionKey ProductVersion "${VERSION}"

!include MUI2.nsh
!include FileFunc.nsh
!include LogicLib.nsh

!define REGISTRY "Software\${PRODUCT}"
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\${PRODUCT}"

!insertmacro MUI_PAGE_LICENSE "${FILES}/LICENSE.txt"
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_COMPONENTS
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

!ifdef SIGN
    !uninstfinalize 'sh "${SIGN}" "%1" "${PRODUCT}" "${HOMEURL}"' = 0
!endif

Var Options  ; what is handed on to "service install"
Var Start    ; of /START
Var State    ; of the service before: 0 runs, 3 is stopped, anything else: there is none

; Says why and ends with 2; at the end of a silent installation only the code is seen.
!macro Refuse TEXT
    DetailPrint "${TEXT}"
    MessageBox MB_OK|MB_ICONSTOP "${TEXT}" /SD IDOK
    SetErrorLevel 2
    Quit
!macroend

; Runs a verb of the relay; $0 becomes its exit code, "error" where it could not run.
!macro Relay WORDS
    nsExec::ExecToLog '"$INSTDIR\gsrelayd.exe" service ${WORDS}'
    Pop $0
!macroend

Section "-Stop"
    StrCpy $State "none"
    ${If} ${FileExists} "$INSTDIR\gsrelayd.exe"
        !insertmacro Relay "status"
        StrCpy $State $0
        ${If} $State == 0
            !insertmacro Relay "stop"
            ${If} $0 != 0
                !insertmacro Refuse "The running service could not be stopped. Nothing was changed."
            ${EndIf}
        ${EndIf}
    ${EndIf}
SectionEnd

Section "${PRODUCT}" SectionProgram
    SectionIn RO
    SetOutPath "$INSTDIR"
    SetOverwrite on
    ClearErrors
    File "${FILES}/gsrelayd.exe"
    File "${FILES}/gsrelay.exe"
    File "${FILES}/README.txt"
    File "${FILES}/LICENSE.txt"
    File "${FILES}/THIRD-PARTY-NOTICES.txt"
    SetOutPath "$INSTDIR\docs"
    File "${FILES}/docs/*.html"
    WriteUninstaller "$INSTDIR\uninstall.exe"
    ${If} ${Errors}
        ${If} $State == 0
            !insertmacro Relay "start"
        ${EndIf}
        !insertmacro Refuse "The files could not be written to $INSTDIR."
    ${EndIf}
    SetOutPath "$INSTDIR"
    WriteRegStr HKLM "${REGISTRY}" "InstallFolder" "$INSTDIR"
    WriteRegStr HKLM "${REGISTRY}" "Package" "setup"
    WriteRegStr HKLM "${REGISTRY}" "Version" "${VERSION}"
    WriteRegStr HKLM "${UNINSTALL}" "DisplayName" "${PRODUCT}"
    WriteRegStr HKLM "${UNINSTALL}" "DisplayVersion" "${VERSION}"
    WriteRegStr HKLM "${UNINSTALL}" "DisplayIcon" "$INSTDIR\gsrelayd.exe"
    WriteRegStr HKLM "${UNINSTALL}" "Publisher" "${PUBLISHER}"
    WriteRegStr HKLM "${UNINSTALL}" "URLInfoAbout" "${HOMEURL}"
    WriteRegStr HKLM "${UNINSTALL}" "InstallLocation" "$INSTDIR"
    WriteRegStr HKLM "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
    WriteRegStr HKLM "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
    WriteRegDWORD HKLM "${UNINSTALL}" "NoModify" 1
    WriteRegDWORD HKLM "${UNINSTALL}" "NoRepair" 1
    ${GetSize} "$INSTDIR" "/S=0K" $0 $1 $2
    WriteRegDWORD HKLM "${UNINSTALL}" "EstimatedSize" $0
SectionEnd

Section /o "Windows Firewall rules" SectionFirewall
    StrCpy $Options "$Options --firewall"
SectionEnd

Section "-Service"
    !insertmacro Relay "install$Options"
    ${If} $0 != 0
        !insertmacro Refuse "The files are in place, but the service could not be installed. Run in a console of an administrator: $\"$INSTDIR\gsrelayd.exe$\" service install"
    ${EndIf}
    ; What ran runs again, what was stopped stays so. That it cannot start, for a busy port as an example,
    ; is no failure of the installation: "service status" says why.
    ${If} $State == 0
        !insertmacro Relay "start"
    ${ElseIf} $State != 3
    ${AndIf} $Start != "manual"
        !insertmacro Relay "start"
    ${EndIf}
SectionEnd

Function .onInit
    SetRegView 64
    SetShellVarContext all
    ReadRegDWORD $0 HKLM "SOFTWARE\Microsoft\Windows NT\CurrentVersion" "CurrentMajorVersionNumber"
    ${If} $0 == ""
        !insertmacro Refuse "${PRODUCT} needs 64-bit Windows 10, Windows Server 2016 or newer."
    ${EndIf}
    ReadRegStr $0 HKLM "${REGISTRY}" "Package"
    ${If} $0 == "msi"
        !insertmacro Refuse "${PRODUCT} was installed by its MSI package. Upgrade with the MSI, or uninstall it first; relay.ini stays."
    ${EndIf}
    ; An upgrade stays in the folder that was chosen once, unless /D names another.
    ReadRegStr $0 HKLM "${REGISTRY}" "InstallFolder"
    ${If} $0 != ""
    ${AndIf} $INSTDIR == "$PROGRAMFILES64\${PRODUCT}"
        StrCpy $INSTDIR $0
    ${EndIf}
    ${GetParameters} $0
    ClearErrors
    ${GetOptions} $0 "/START=" $Start
    ${IfNot} ${Errors}
        StrCpy $Options "$Options --start $Start"
    ${EndIf}
    ClearErrors
    ${GetOptions} $0 "/ACCOUNT=" $1
    ${IfNot} ${Errors}
        StrCpy $Options '$Options --account "$1"'
    ${EndIf}
    ClearErrors
    ${GetOptions} $0 "/FIREWALL" $1
    ${IfNot} ${Errors}
        !insertmacro SelectSection ${SectionFirewall}
    ${EndIf}
    ClearErrors
FunctionEnd

!insertmacro MUI_FUNCTION_DESCRIPTION_BEGIN
    !insertmacro MUI_DESCRIPTION_TEXT ${SectionProgram} "The relay as a Windows service, its command, and the documentation."
    !insertmacro MUI_DESCRIPTION_TEXT ${SectionFirewall} "Lets players on other machines reach the relay's ports."
!insertmacro MUI_FUNCTION_DESCRIPTION_END

Function un.onInit
    SetRegView 64
    SetShellVarContext all
FunctionEnd

; relay.ini, the secrets and the logs in ProgramData stay.
Section "Uninstall"
    !insertmacro Relay "uninstall"
    ${If} $0 != 0
    ${AndIf} ${FileExists} "$INSTDIR\gsrelayd.exe"
        DetailPrint "The service could not be removed ($0)."
    ${EndIf}
    Delete "$INSTDIR\gsrelayd.exe"
    Delete "$INSTDIR\gsrelay.exe"
    Delete "$INSTDIR\README.txt"
    Delete "$INSTDIR\LICENSE.txt"
    Delete "$INSTDIR\THIRD-PARTY-NOTICES.txt"
    Delete "$INSTDIR\docs\CHANGELOG.html"
    Delete "$INSTDIR\docs\CONFIGURATION.html"
    Delete "$INSTDIR\docs\OPERATIONS.html"
    Delete "$INSTDIR\docs\PROTOCOL.html"
    RMDir "$INSTDIR\docs"
    Delete "$INSTDIR\uninstall.exe"
    RMDir "$INSTDIR"
    DeleteRegKey HKLM "${UNINSTALL}"
    DeleteRegKey HKLM "${REGISTRY}"
SectionEnd
