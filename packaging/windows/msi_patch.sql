-- What wixl cannot say or says wrongly, one statement a line, done by msibuild; scripts/package_windows.sh
-- fills in @NAMES@ and asserts the outcome.
-- Without a version in the table Windows Installer would not replace the exe's of an older version.
UPDATE `File` SET `Version` = '@VERSION@.0', `Language` = '1033' WHERE `File` = 'gsrelayd.exe'
UPDATE `File` SET `Version` = '@VERSION@.0', `Language` = '1033' WHERE `File` = 'gsrelay.exe'
DELETE FROM `MsiFileHash` WHERE `File_` = 'gsrelayd.exe'
DELETE FROM `MsiFileHash` WHERE `File_` = 'gsrelay.exe'
-- The old version is removed when the new one is in place, within the transaction: where the new one fails, the
-- old one is still there. What both have, the service above all, stays.
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('InstallExecute', '', 5950)
UPDATE `InstallExecuteSequence` SET `Sequence` = 5960 WHERE `Action` = 'RemoveExistingProducts'
-- Properties that a user may set who becomes administrator only on the way.
UPDATE `Property` SET `Value` = 'ACCOUNT;INSTALLFOLDER;START;WIX_DOWNGRADE_DETECTED;WIX_UPGRADE_DETECTED' WHERE `Property` = 'SecureCustomProperties'
-- An upgrade stays in the folder that was chosen once.
INSERT INTO `CustomAction` (`Action`, `Type`, `Source`, `Target`) VALUES ('SetFolder', 51, 'INSTALLFOLDER', '[PREVIOUSFOLDER]')
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('SetFolder', 'PREVIOUSFOLDER AND NOT INSTALLFOLDER', 60)
-- GsrelayService becomes "running", "stopped", or stays empty where there is no service yet (msi_service.c).
INSERT INTO `CustomAction` (`Action`, `Type`, `Source`, `Target`) VALUES ('NoteService', 65, 'MsiService', 'note_service')
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('NoteService', '', 1210)
-- The options of "service install": only what was asked for, so that the rest stays as it is.
INSERT INTO `CustomAction` (`Action`, `Type`, `Source`, `Target`) VALUES ('SetOptionStart', 51, 'GsrelayOptions', '[GsrelayOptions] --start [START]')
INSERT INTO `CustomAction` (`Action`, `Type`, `Source`, `Target`) VALUES ('SetOptionAccount', 51, 'GsrelayOptions', '[GsrelayOptions] --account "[ACCOUNT]"')
INSERT INTO `CustomAction` (`Action`, `Type`, `Source`, `Target`) VALUES ('SetOptionFirewall', 51, 'GsrelayOptions', '[GsrelayOptions] --firewall')
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('SetOptionStart', 'START', 1221)
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('SetOptionAccount', 'ACCOUNT', 1222)
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('SetOptionFirewall', '&Firewall=3', 1223)
-- Deferred, as the system's account (3090; 3154: its failure does not end the installation; 3410: on rollback).
-- The service belongs to the version that is in the registry: the old one, removed by an upgrade, leaves it.
INSERT INTO `CustomAction` (`Action`, `Type`, `Source`, `Target`) VALUES ('UndoStopService', 3410, 'gsrelayd.exe', 'service start')
INSERT INTO `CustomAction` (`Action`, `Type`, `Source`, `Target`) VALUES ('StopService', 3154, 'gsrelayd.exe', 'service stop')
INSERT INTO `CustomAction` (`Action`, `Type`, `Source`, `Target`) VALUES ('RemoveService', 3154, 'gsrelayd.exe', 'service uninstall')
INSERT INTO `CustomAction` (`Action`, `Type`, `Source`, `Target`) VALUES ('UndoInstallService', 3410, 'gsrelayd.exe', 'service uninstall')
INSERT INTO `CustomAction` (`Action`, `Type`, `Source`, `Target`) VALUES ('InstallService', 3090, 'gsrelayd.exe', 'service install[GsrelayOptions]')
INSERT INTO `CustomAction` (`Action`, `Type`, `Source`, `Target`) VALUES ('StartService', 3154, 'gsrelayd.exe', 'service start')
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('UndoStopService', 'GsrelayService="running" AND (WIX_UPGRADE_DETECTED OR REINSTALL)', 1905)
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('StopService', 'GsrelayService="running" AND (WIX_UPGRADE_DETECTED OR REINSTALL)', 1910)
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('RemoveService', 'REMOVE~="ALL" AND (NOT INSTALLEDVERSION OR INSTALLEDVERSION=ProductVersion)', 1920)
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('UndoInstallService', 'NOT GsrelayService AND NOT REMOVE~="ALL"', 5805)
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('InstallService', 'NOT REMOVE~="ALL"', 5810)
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('StartService', 'NOT REMOVE~="ALL" AND (GsrelayService="running" OR (NOT GsrelayService AND NOT START~="manual"))', 5910)
