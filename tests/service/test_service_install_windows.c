/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "scm_fake_windows.h"

#include "daemon/configure.h"
#include "daemon/os/os_text_windows.h"
#include "daemon/service/service_files_windows.h"
#include "daemon/service/service_task_windows.h"

#include <stdio.h>
#include <string.h>

static int reset(void **state)
{
    (void)state;
    scm_fake_reset();
    return 0;
}

static int clean(void **state)
{
    (void)state;
    scm_fake_clean();
    return 0;
}

static void sid__of_a_service_that_windows_has__is_what_windows_says(void **state)
{
    char sid[SERVICE_SID_SIZE];

    (void)state;
    assert_int_equal(service_sid_print(L"TrustedInstaller", sid), 0);
    assert_string_equal(sid, "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464");
    assert_int_equal(service_sid_print(L"trustedinstaller", sid), 0);
    assert_string_equal(sid, "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464");
}

/* The lines about files, with the SID of the service in them. */
static void print_files(char *out, size_t size)
{
    static const struct {
        const char *line;
        const char *rights;
    } files[] = {
        {"folder .", "O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;%s)"},
        {"folder secrets", "O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;%s)"},
        {"folder logs", "O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1301bf;;;%s)"},
        {"folder state", "O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1301bf;;;%s)"},
        {"file secrets\\secrets.ini.new", "O:BAD:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FR;;;%s)"},
        {"file relay.ini.new", "O:BAD:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FR;;;%s)"},
    };
    char sid[SERVICE_SID_SIZE];
    size_t used = 0;

    assert_int_equal(service_sid_print(L"gsrelay", sid), 0);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char sddl[256];

        (void)snprintf(sddl, sizeof(sddl), files[i].rights, sid);
        used += (size_t)snprintf(out + used, size - used, "%s %s\n", files[i].line,
                                 scm_fake_sddl(sddl));
    }
}

static void install__of_a_new_service__hands_over_exactly_this(void **state)
{
    static char expected[8192];
    static char files[4096];

    (void)state;
    print_files(files, sizeof(files));
    (void)snprintf(
        expected, sizeof(expected),
        "open_manager access=0x3\n"
        "open [gsrelay] access=0x17\n"
        "%s"
        "create [gsrelay] display=[gsrelay] access=0x17 type=16 start=2 error=1\n"
        "  image=[\"C:\\Program Files\\한국\\gsrelayd.exe\" service run --name gsrelay --config "
        "\"%s\"]\n"
        "  group=NULL dependencies=NULL account=[NT SERVICE\\gsrelay] password=NULL\n"
        "description [Relays game state between players over UDP. Settings: relay.ini in "
        "ProgramData.]\n"
        "failure reset=86400 message=NULL command=NULL 1/5000 1/30000 1/60000\n"
        "flag 1\n"
        "sid 1\n"
        "privileges [SeChangeNotifyPrivilege]\n"
        "preshutdown 15000\n"
        "delay 1\n",
        files, scm_fake_path("relay.ini"));
    assert_int_equal(RUN("install"), 0);
    assert_string_equal(scm_fake.calls, expected);
    assert_string_equal(scm_fake.err, "");
    assert_said(scm_fake.out, "gsrelay: installed\n");
    assert_said(scm_fake.out, "gsrelayd service start\n");
}

static void install__of_a_new_service__writes_a_relay_ini_that_asks_for_tickets(void **state)
{
    static struct options options;
    static struct config config;
    static struct secret_file secrets;
    static struct config_report reports[CONFIGURE_REPORTS];

    (void)state;
    assert_int_equal(RUN("install"), 0);
    options.config_path = scm_fake_path("relay.ini");
    assert_int_equal(configure_all(&options, &config, &secrets, reports), 0);
    assert_int_equal(config.values.auth.mode, CONFIG_AUTH_TICKET);
    assert_string_equal(config.values.auth.secret_file, scm_fake_path("secrets\\secrets.ini"));
    assert_int_equal(config.values.server.listen_count, 2);
    assert_int_equal(secrets.count, 1);
    assert_said(scm_fake_read("relay.ini"), "\r\nlisten = 0.0.0.0, ::\r\n");
    assert_null(scm_fake_read("relay.ini.new"));
    assert_null(scm_fake_read("secrets\\secrets.ini.new"));
}

static void install__twice__keeps_files_and_settings(void **state)
{
    static char secret[1024];

    (void)state;
    assert_int_equal(RUN("install"), 0);
    (void)snprintf(secret, sizeof(secret), "%s", scm_fake_read("secrets\\secrets.ini"));
    scm_fake_write("relay.ini", "[server]\ndrain_timeout = 20s\n");
    scm_fake_install(L"C:\\else where\\relay.ini");
    scm_fake.image = L"\"C:\\old place\\gsrelayd.exe\" service run --name gsrelay --config "
                     L"\"C:\\else where\\relay.ini\"";
    assert_int_equal(RUN("install"), 0);
    assert_string_equal(scm_fake.calls,
                        "open_manager access=0x3\n"
                        "open [gsrelay] access=0x17\n"
                        "change start=-1 account=NULL password=NULL display=NULL\n"
                        "  image=[\"C:\\Program Files\\한국\\gsrelayd.exe\" service run --name "
                        "gsrelay --config \"C:\\else where\\relay.ini\"]\n");
    assert_string_equal(scm_fake_read("relay.ini"), "[server]\ndrain_timeout = 20s\n");
    assert_string_equal(scm_fake_read("secrets\\secrets.ini"), secret);
    assert_said(scm_fake.err, "cannot be opened");
    assert_said(scm_fake.err, "will not start before this is mended");
    assert_said(scm_fake.out, "was installed already");
    assert_said(scm_fake.out, "it ran C:\\old place\\gsrelayd.exe before");
}

static void install__over_a_service_that_lacks_settings__adds_them(void **state)
{
    wchar_t path[OS_PATH_SIZE];

    (void)state;
    assert_int_equal(RUN("install"), 0);
    assert_int_equal(os_widen(scm_fake_path("relay.ini"), path, OS_PATH_SIZE), 0);
    scm_fake_install(path);
    assert_int_equal(RUN("install"), 0);
    assert_unsaid(scm_fake.calls, "description");
    assert_unsaid(scm_fake.calls, "failure");
    assert_unsaid(scm_fake.calls, "flag");
    assert_unsaid(scm_fake.calls, "sid");
    assert_unsaid(scm_fake.calls, "privileges");
    assert_unsaid(scm_fake.calls, "delay");
    assert_said(scm_fake.calls, "preshutdown 15000\n");
    scm_fake.has_settings = false;
    assert_int_equal(RUN("install"), 0);
    assert_said(scm_fake.calls, "description [Relays");
    assert_said(scm_fake.calls, "failure reset=86400");
    assert_said(scm_fake.calls, "flag 1\n");
    assert_said(scm_fake.calls, "sid 1\n");
    assert_said(scm_fake.calls, "privileges [SeChangeNotifyPrivilege]\n");
    assert_unsaid(scm_fake.calls, "delay");
    assert_unsaid(scm_fake.calls, "folder");
    assert_unsaid(scm_fake.calls, "guard");
}

static void install__with_options_over_a_service__changes_those(void **state)
{
    (void)state;
    assert_int_equal(RUN("install"), 0);
    scm_fake_write("a b.ini", "[server]\ndrain_timeout = 20s\n");
    scm_fake_install(L"C:\\relay.ini");
    assert_int_equal(RUN("install", "--start", "auto", "--display-name", "게임 relay", "--account",
                         "LocalService", "--config", scm_fake_path("a b.ini")),
                     0);
    assert_said(scm_fake.calls, "change start=2 account=[NT AUTHORITY\\LocalService] password=[] "
                                "display=[게임 relay]\n");
    assert_said(scm_fake.calls, scm_fake_path("a b.ini"));
    assert_said(scm_fake.calls, "preshutdown 30000\ndelay 0\n");
    /* Another account, so who may read is set anew. */
    assert_said(scm_fake.calls, "guard .\n");
    assert_said(scm_fake.calls, "guard state\n");
    assert_unsaid(scm_fake.calls, "guard secrets");
    assert_said(scm_fake.out, "icacls \"");
    assert_int_equal(RUN("install", "--start", "delayed"), 0);
    assert_said(scm_fake.calls, "change start=2 account=NULL");
    assert_said(scm_fake.calls, "delay 1\n");
    assert_int_equal(RUN("install", "--start", "manual"), 0);
    assert_said(scm_fake.calls, "change start=3 account=NULL");
    assert_unsaid(scm_fake.calls, "delay");
}

static void install__accounts__are_handed_over_as_windows_wants_them(void **state)
{
    static const struct {
        const char *asked;
        const char *handed;
    } accounts[] = {
        {"virtual", "account=[NT SERVICE\\gsrelay] password=NULL"},
        {"nt service\\gsrelay", "account=[NT SERVICE\\gsrelay] password=NULL"},
        {"localservice", "account=[NT AUTHORITY\\LocalService] password=[]"},
        {"NT AUTHORITY\\NetworkService", "account=[NT AUTHORITY\\NetworkService] password=[]"},
        {"LocalSystem", "account=[LocalSystem] password=[]"},
        {"DOMAIN\\relay$", "account=[DOMAIN\\relay$] password=NULL"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(accounts) / sizeof(accounts[0]); i++) {
        scm_fake.exists = false;
        assert_int_equal(RUN("install", "--account", accounts[i].asked), 0);
        assert_said(scm_fake.calls, accounts[i].handed);
    }
    scm_fake.exists = false;
    scm_fake.account = L"";
    assert_int_equal(RUN("install", "--account", ".\\somebody"), 2);
    assert_said(scm_fake.err, "a password is set in services.msc");
    assert_unsaid(scm_fake.calls, "create");
    assert_int_equal(RUN("install", "--account", "NT SERVICE\\other"), 2);
}

static void install__of_another_name__has_its_own_folder_identity_and_source(void **state)
{
    char sid[SERVICE_SID_SIZE];

    (void)state;
    assert_int_equal(RUN("install", "--name", "유럽 1", "--start", "manual"), 0);
    assert_said(scm_fake.calls, "create [유럽 1] display=[gsrelay (유럽 1)]");
    assert_said(scm_fake.calls, "start=3");
    assert_said(scm_fake.calls, "--name \"유럽 1\" --config \"");
    assert_said(scm_fake.calls, scm_fake_path("유럽 1\\relay.ini"));
    assert_said(scm_fake.calls, "account=[NT SERVICE\\유럽 1] password=NULL");
    assert_unsaid(scm_fake.calls, "delay");
    assert_int_equal(service_sid_print(L"유럽 1", sid), 0);
    assert_said(scm_fake.calls, sid);
    assert_non_null(scm_fake_read("유럽 1\\secrets\\secrets.ini"));
    assert_null(scm_fake_read("relay.ini"));
    assert_said(scm_fake.out, "service start --name \"유럽 1\"\n");
    /* The folder above is for the administrators alone. */
    assert_said(scm_fake.calls, "folder . ");
    assert_said(scm_fake.calls, scm_fake_sddl("O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"));
}

static void install__where_somebody_has_left_files__guards_them(void **state)
{
    char sid[SERVICE_SID_SIZE];
    char sddl[256];

    (void)state;
    assert_int_equal(RUN("install"), 0);
    scm_fake_write("relay.ini", "; mine\n");
    scm_fake.exists = false;
    assert_int_equal(RUN("install"), 0);
    assert_int_equal(service_sid_print(L"gsrelay", sid), 0);
    (void)snprintf(sddl, sizeof(sddl), "O:BAD:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FR;;;%s)", sid);
    assert_said(scm_fake.calls, "guard relay.ini\n  ");
    assert_said(scm_fake.calls, scm_fake_sddl(sddl));
    assert_said(scm_fake.calls, "guard secrets\\secrets.ini\n  ");
    (void)snprintf(sddl, sizeof(sddl),
                   "O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1301bf;;;%s)", sid);
    assert_said(scm_fake.calls, "guard logs\n  ");
    assert_said(scm_fake.calls, scm_fake_sddl(sddl));
    assert_string_equal(scm_fake_read("relay.ini"), "; mine\n");
    assert_unsaid(scm_fake.out, "(new:");
}

static void install__where_somebody_else_has_put_files__is_refused(void **state)
{
    (void)state;
    assert_int_equal(RUN("install"), 0);
    scm_fake.exists = false;
    scm_fake.owner = L"S-1-5-21-1-2-3-1001";
    assert_int_equal(RUN("install"), 1);
    assert_said(scm_fake.err, "belongs to somebody who is neither an administrator nor you");
    assert_unsaid(scm_fake.calls, "create");
    assert_int_equal(RUN("install", "--name", "eu"), 1);
    scm_fake.owner = L"S-1-5-32-544";
    assert_int_equal(RUN("install"), 0);
    scm_fake.exists = false;
    scm_fake.owner = NULL;
    scm_fake.failing_call = "get_security";
    scm_fake.error = ERROR_ACCESS_DENIED;
    assert_int_equal(RUN("install"), 1);
}

/* Its access list would be that of the other name as well. */
static void install__where_a_file_has_another_name__is_refused(void **state)
{
    wchar_t path[OS_PATH_SIZE];
    wchar_t other[OS_PATH_SIZE];

    (void)state;
    assert_int_equal(RUN("install"), 0);
    scm_fake.exists = false;
    assert_int_equal(os_widen(scm_fake_path("relay.ini"), path, OS_PATH_SIZE), 0);
    assert_int_equal(os_widen(scm_fake_path("other"), other, OS_PATH_SIZE), 0);
    assert_true(CreateHardLinkW(other, path, NULL));
    assert_int_equal(RUN("install"), 1);
    assert_said(scm_fake.err, "relay.ini is a link or no file");
}

static void install__with_a_relay_ini_but_no_secrets__makes_none(void **state)
{
    (void)state;
    assert_int_equal(RUN("install"), 0);
    scm_fake_write("relay.ini", "; open, on loopback\n");
    assert_int_equal(os_file_remove(scm_fake_path("secrets\\secrets.ini")), 0);
    scm_fake.exists = false;
    assert_int_equal(RUN("install"), 0);
    assert_null(scm_fake_read("secrets\\secrets.ini"));
}

static void install__where_a_file_is_in_the_place_of_a_folder__is_refused(void **state)
{
    wchar_t path[OS_PATH_SIZE];

    (void)state;
    assert_int_equal(RUN("install"), 0);
    scm_fake.exists = false;
    assert_int_equal(os_widen(scm_fake_path("logs"), path, OS_PATH_SIZE), 0);
    assert_true(RemoveDirectoryW(path));
    scm_fake_write("logs", "");
    assert_int_equal(RUN("install"), 1);
    assert_said(scm_fake.err, "is a link or no folder");
    assert_unsaid(scm_fake.calls, "create");
}

static void install__over_another_programs_service__touches_nothing(void **state)
{
    (void)state;
    scm_fake.exists = true;
    scm_fake.image = L"C:\\Windows\\System32\\spoolsv.exe";
    assert_int_equal(RUN("install", "--name", "Spooler"), 1);
    assert_string_equal(scm_fake.calls, "open_manager access=0x3\nopen [Spooler] access=0x17\n");
    assert_said(scm_fake.err, "the service Spooler is another program's "
                              "(C:\\Windows\\System32\\spoolsv.exe); it is left alone");
    assert_null(scm_fake_read("Spooler\\relay.ini"));
}

static void install__that_the_system_refuses__fails_with_its_text(void **state)
{
    static const struct {
        const char *call;
        DWORD error;
        const char *text;
    } failures[] = {
        {"open_manager", ERROR_ACCESS_DENIED, "Run as administrator"},
        {"open", ERROR_ACCESS_DENIED, "Run as administrator"},
        {"create_directory", ERROR_ACCESS_DENIED, "cannot be made: "},
        {"create_file", ERROR_DISK_FULL, "secrets.ini.new cannot be made"},
        {"create", ERROR_SERVICE_MARKED_FOR_DELETE, "(1072); it goes when nobody looks"},
        {"create", ERROR_DUPLICATE_SERVICE_NAME, "choose another --display-name"},
        {"create", ERROR_INVALID_SERVICE_ACCOUNT, "(1057); no such account"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        scm_fake_reset();
        scm_fake.failing_call = failures[i].call;
        scm_fake.error = failures[i].error;
        assert_int_equal(RUN("install"), 1);
        assert_said(scm_fake.err, failures[i].text);
        assert_unsaid(scm_fake.calls, "description");
    }
    scm_fake_reset();
    assert_int_equal(RUN("install"), 0);
    scm_fake_install(L"C:\\relay.ini");
    scm_fake.failing_call = "change";
    scm_fake.error = ERROR_ACCESS_DENIED;
    assert_int_equal(RUN("install"), 1);
    assert_said(scm_fake.err, "the service gsrelay cannot be changed: ");
    scm_fake.failing_call = "set_security";
    assert_int_equal(RUN("install", "--account", "virtual"), 1);
    assert_said(scm_fake.err, "the access list of ");
    scm_fake.failing_call = "query";
    assert_int_equal(RUN("install"), 1);
    assert_said(scm_fake.err, "the settings of the service gsrelay are not told");
}

/* What the service can do without is named and passed over; Wine refuses four of them. */
static void install__without_a_setting_that_the_system_refuses__succeeds_and_says_so(void **state)
{
    static const struct {
        const char *call;
        const char *text;
    } settings[] = {
        {"description", "the description of the service is not set"},
        {"failure", "the restart after a failure of the service is not set"},
        {"flag", "the restart after an end with an error of the service is not set"},
        {"sid", "the identity (SID) of the service is not set"},
        {"privileges", "the list of privileges of the service is not set"},
        {"preshutdown", "the time to stop before a shutdown of the service is not set"},
        {"delay", "the delay of the start of the service is not set"},
        {"registry_create", "the source of events is not registered"},
        {"run", "the firewall is not opened for UDP 7777"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        scm_fake_reset();
        scm_fake.failing_call = settings[i].call;
        scm_fake.error = ERROR_INVALID_LEVEL;
        assert_int_equal(RUN("install", "--firewall"), 0);
        assert_said(scm_fake.err, "gsrelayd: warning: ");
        assert_said(scm_fake.err, settings[i].text);
        assert_said(scm_fake.err, "(124)");
    }
    scm_fake_reset();
    scm_fake.failing_call = "sid";
    scm_fake.error = ERROR_SUCCESS;
    assert_int_equal(RUN("install"), 0);
    assert_said(scm_fake.err, "the system refuses it without a reason");
}

static void install__with_firewall__makes_rules_for_program_and_ports(void **state)
{
    (void)state;
    assert_int_equal(RUN("install", "--firewall"), 0);
    assert_said(
        scm_fake.calls,
        "run [netsh advfirewall firewall delete rule name=\"gsrelayd service gsrelay (UDP)\"]\n"
        "run [netsh advfirewall firewall add rule name=\"gsrelayd service gsrelay (UDP)\" dir=in "
        "action=allow program=\"C:\\Program Files\\한국\\gsrelayd.exe\" protocol=UDP "
        "localport=7777]\n"
        "run [netsh advfirewall firewall delete rule name=\"gsrelayd service gsrelay (TCP)\"]\n"
        "run [netsh advfirewall firewall add rule name=\"gsrelayd service gsrelay (TCP)\" dir=in "
        "action=allow program=\"C:\\Program Files\\한국\\gsrelayd.exe\" protocol=TCP "
        "localport=7777]\n");
    scm_fake_write("relay.ini", "[udp]\nport = 9000\nworkers = 4\n[control]\nport = 0\n");
    scm_fake.exists = false;
    assert_int_equal(RUN("install", "--firewall"), 0);
    assert_said(scm_fake.calls, "protocol=UDP localport=9000-9003]\n");
    assert_said(scm_fake.calls, "protocol=TCP localport=any]\n");
    scm_fake.exists = false;
    scm_fake.run_exit_code = 1;
    assert_int_equal(RUN("install", "--firewall"), 0);
    assert_said(scm_fake.err, "netsh ended with 1: netsh advfirewall firewall add rule");
    scm_fake_write("relay.ini", "[udp]\nprot = 9000\n");
    scm_fake.exists = false;
    assert_int_equal(RUN("install", "--firewall"), 0);
    assert_unsaid(scm_fake.calls, "run [");
    assert_said(scm_fake.err, "relay.ini:2: [udp] prot: there is no such key");
    assert_said(scm_fake.err, "the firewall is not opened: the ports are not known");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sid__of_a_service_that_windows_has__is_what_windows_says),
        cmocka_unit_test_setup(install__of_a_new_service__hands_over_exactly_this, reset),
        cmocka_unit_test_setup(install__of_a_new_service__writes_a_relay_ini_that_asks_for_tickets,
                               reset),
        cmocka_unit_test_setup(install__twice__keeps_files_and_settings, reset),
        cmocka_unit_test_setup(install__over_a_service_that_lacks_settings__adds_them, reset),
        cmocka_unit_test_setup(install__with_options_over_a_service__changes_those, reset),
        cmocka_unit_test_setup(install__accounts__are_handed_over_as_windows_wants_them, reset),
        cmocka_unit_test_setup(install__of_another_name__has_its_own_folder_identity_and_source,
                               reset),
        cmocka_unit_test_setup(install__where_somebody_has_left_files__guards_them, reset),
        cmocka_unit_test_setup(install__where_somebody_else_has_put_files__is_refused, reset),
        cmocka_unit_test_setup(install__where_a_file_has_another_name__is_refused, reset),
        cmocka_unit_test_setup(install__with_a_relay_ini_but_no_secrets__makes_none, reset),
        cmocka_unit_test_setup(install__where_a_file_is_in_the_place_of_a_folder__is_refused,
                               reset),
        cmocka_unit_test_setup(install__over_another_programs_service__touches_nothing, reset),
        cmocka_unit_test_setup(install__that_the_system_refuses__fails_with_its_text, reset),
        cmocka_unit_test_setup(
            install__without_a_setting_that_the_system_refuses__succeeds_and_says_so, reset),
        cmocka_unit_test_setup(install__with_firewall__makes_rules_for_program_and_ports, reset),
    };

    (void)setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, clean);
}
