# SPDX-License-Identifier: MIT
# Every name under which gsrelay appears to the world, in one place. CMake, the resources of the exe's and
# the code (daemon/identity.h is made from this) include it; the package scripts read its lines, so each
# is one set() of plain text in double quotes, without variables, quotes or backslashes in it.

set(GSRELAY_IDENTITY_VERSION "0.1.0")
set(GSRELAY_IDENTITY_PRODUCT "gsrelay")
set(GSRELAY_IDENTITY_PUBLISHER "gsrelay")
set(GSRELAY_IDENTITY_HOLDER "The gsrelay authors")
set(GSRELAY_IDENTITY_YEAR "2026")
set(GSRELAY_IDENTITY_CONTACT "gsrelay@example.invalid")
set(GSRELAY_IDENTITY_SUMMARY "UDP game-state relay daemon")

# Where the project lives, and the folder that holds a release's files: RELEASE_URL/vVERSION/FILE. While
# either is on example.invalid, ./dev package --release refuses.
set(GSRELAY_IDENTITY_HOME_URL "https://example.invalid/gsrelay")
set(GSRELAY_IDENTITY_RELEASE_URL "https://example.invalid/gsrelay/releases/download")

set(GSRELAY_IDENTITY_SERVICE_NAME "gsrelay")
set(GSRELAY_IDENTITY_SERVICE_DISPLAY_NAME "gsrelay")
set(GSRELAY_IDENTITY_SERVICE_DESCRIPTION "Relays game state between players over UDP. Settings: relay.ini in ProgramData.")

# Windows Installer knows all versions of the product by this code: it never changes.
set(GSRELAY_IDENTITY_UPGRADE_CODE "070D777A-D6B8-40FB-888C-137F467E5466")
# The names that package managers know the product by.
set(GSRELAY_IDENTITY_WINGET_ID "gsrelay.gsrelay")
set(GSRELAY_IDENTITY_SCOOP_ID "gsrelay")
set(GSRELAY_IDENTITY_CHOCOLATEY_ID "gsrelay")
