/* SPDX-License-Identifier: Apache-2.0
 *
 * What is made of the table of commands: the man page's lists and the completion of shells. The
 * committed files are what this prints; a test compares.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "mgmt/ctl/command.h"
#include "mgmt/ctl/output.h"

/* --- the man page --------------------------------------------------------------------------- */

static const char man_start[] =
    ".\\\" SPDX-License-Identifier: Apache-2.0\n"
    ".\\\" Written by stoatmqctl generate man.\n"
    ".Dd November 21, 2026\n"
    ".Dt STOATMQCTL 1\n"
    ".Os StoatMQ\n"
    ".Sh NAME\n"
    ".Nm stoatmqctl\n"
    ".Nd manage the StoatMQ message broker and look at its data\n"
    ".Sh SYNOPSIS\n"
    ".Nm\n"
    ".Op Ar option ...\n"
    ".Ar command\n"
    ".Op Ar option ...\n"
    ".Op Ar operand ...\n"
    ".Nm\n"
    ".Op Ar command\n"
    ".Fl -help\n"
    ".Nm\n"
    ".Fl -version\n"
    ".Sh DESCRIPTION\n"
    "Most commands ask a broker's HTTP API, which listens on port 15672, and have the names,\n"
    "operands, output and exit statuses of rabbitmqctl and rabbitmq-diagnostics.\n"
    "What is asked for is what the API lets its user see and do.\n"
    "Others look at a data directory; they only read, and disturb no running broker.\n"
    ".Pp\n"
    "Options may stand before the command and behind it.\n";

static const char man_files[] =
    ".Sh ENVIRONMENT\n"
    ".Bl -tag -width indent\n"
    ".It Ev STOATMQCTL_URI , STOATMQCTL_USER , STOATMQCTL_PASSWORD , STOATMQCTL_CA_FILE\n"
    "As the options of these names, which win over them.\n"
    ".It Ev STOATMQCTL_CONFIG\n"
    "As\n"
    ".Fl -config .\n"
    ".El\n"
    ".Sh FILES\n"
    ".Bl -tag -width indent\n"
    ".It Pa /etc/stoatmq/stoatmqctl.conf\n"
    ".It Pa ~/.config/stoatmq/stoatmqctl.conf\n"
    "Lines\n"
    ".Li uri = ... ,\n"
    ".Li user = ... ,\n"
    ".Li password = ...\n"
    "and\n"
    ".Li ca_file = ... ;\n"
    "the second file wins over the first, and the environment over both.\n"
    "Keep a file with a password to yourself: other users see command lines, but not this.\n"
    ".El\n"
    ".Sh EXIT STATUS\n"
    ".Bl -tag -width indent\n"
    ".It 0\nAll is well.\n"
    ".It 1\nOf the log commands: the log is damaged.\n"
    ".It 3\nOf the log commands: there is no log, or it cannot be read.\n"
    ".It 64\nThe command line is wrong.\n"
    ".It 65\nWhat it names does not exist, or what it is to take is wrong.\n"
    ".It 67\nThere is no such user.\n"
    ".It 69\nThe broker cannot be asked, or has refused; or a check has failed.\n"
    ".It 70\nIt is there already, or the answer is not what it should be.\n"
    ".It 75\nIt took too long.\n"
    ".It 77\nThe user may not do this.\n"
    ".El\n"
    ".Sh EXAMPLES\n"
    "A user who may do everything in a virtual host of its own:\n"
    ".Bd -literal -offset indent\n"
    "$ stoatmqctl add_vhost shop\n"
    "$ stoatmqctl add_user web < password-file\n"
    "$ stoatmqctl set_permissions -p shop web '.*' '.*' '.*'\n"
    ".Ed\n"
    ".Pp\n"
    "What waits, for a program:\n"
    ".Pp\n"
    ".Dl $ stoatmqctl list_queues -p shop name messages consumers --format json\n"
    ".Pp\n"
    "A probe:\n"
    ".Pp\n"
    ".Dl $ stoatmqctl -q check_local_alarms\n"
    ".Sh SEE ALSO\n"
    ".Xr stoatmq 1\n";

/* TEXT for mdoc: a dash is a minus, a backslash itself; no line begins with a dot. */
static void print_roff(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text == '\\')
            (void)fputs("\\e", stdout);
        else if (*text == '-')
            (void)fputs("\\-", stdout);
        else
            (void)putchar(*text);
}

static void print_man_options(const struct option *options)
{
    for (; options->name != NULL; options++) {
        printf(".It ");
        if (options->letter != 0)
            printf("Fl %c , ", options->letter);
        printf("Fl %s", options->name + 1);
        if (options->argument != NULL)
            printf(" Ar %s", options->argument);
        printf("\n");
        print_roff(options->help);
        printf(".\n");
    }
}

static void print_man_command(const struct command *row)
{
    const struct command *body = command_body(row);
    printf(".It Cm %s", row->name);
    if (row->operands[0] != '\0')
        printf(" Ar ");
    print_roff(row->operands);
    printf("\n%c", toupper((unsigned char)row->summary[0]));
    print_roff(row->summary + 1);
    printf(".\n");
    if (row->listing != NULL && row->listing->is_choice) {
        printf("Columns:");
        for (const struct column *column = row->listing->columns; column->name != NULL; column++)
            printf(" %s%s", column->name, column[1].name != NULL ? "," : ".\n");
    }
    if (body->options[0].name == NULL)
        return;
    printf(".Bl -tag -width indent\n");
    print_man_options(body->options);
    printf(".El\n");
}

static void print_man(void)
{
    bool is_open = false;
    (void)fputs(man_start, stdout);
    printf(".Ss Options of all commands that ask the API\n.Bl -tag -width indent\n");
    print_man_options(common_options);
    printf(".El\n.Sh COMMANDS\n");
    for (size_t i = 0; i < command_count; i++) {
        if (commands[i].group != NULL) {
            printf("%s.Ss %s\n.Bl -tag -width indent\n", is_open ? ".El\n" : "", commands[i].group);
            is_open = true;
        } else {
            print_man_command(&commands[i]);
        }
    }
    printf(".El\n%s", man_files);
}

/* --- completion ----------------------------------------------------------------------------- */

/* The options and columns that may follow ROW's name, with a space before each. */
static void print_words(const struct command *row)
{
    const struct option *options = command_body(row)->options;
    for (; options->name != NULL; options++)
        printf(" %s", options->name);
    if (row->listing != NULL && row->listing->is_choice)
        for (const struct column *column = row->listing->columns; column->name != NULL; column++)
            printf(" %s", column->name);
}

static void print_common_words(void)
{
    for (const struct option *option = common_options; option->name != NULL; option++)
        printf(" %s", option->name);
}

static bool is_one_word(const struct command *row)
{
    return row->name != NULL && strchr(row->name, ' ') == NULL;
}

static void print_bash(void)
{
    printf("# SPDX-License-Identifier: Apache-2.0\n"
           "# Written by stoatmqctl generate bash.\n"
           "_stoatmqctl() {\n"
           "  local word command= words\n"
           "  local current=${COMP_WORDS[COMP_CWORD]}\n"
           "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
           "    [[ $word == [a-z]* ]] && command=$word && break\n"
           "  done\n"
           "  case $command in\n"
           "    '') words='log");
    for (size_t i = 0; i < command_count; i++)
        if (is_one_word(&commands[i]))
            printf(" %s", commands[i].name);
    print_common_words();
    printf(" --help --version' ;;\n    log) words='verify dump --format' ;;\n");
    for (size_t i = 0; i < command_count; i++) {
        if (!is_one_word(&commands[i]))
            continue;
        printf("    %s) words='", commands[i].name);
        print_words(&commands[i]);
        print_common_words();
        printf(" --help' ;;\n");
    }
    printf("    *) words= ;;\n"
           "  esac\n"
           "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
           "}\n"
           "complete -o default -F _stoatmqctl stoatmqctl\n");
}

/* TEXT inside single quotes, without those in it and without colons, which zsh reads. */
static void print_plain(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text != '\'' && *text != ':')
            (void)putchar(*text);
}

static void print_zsh(void)
{
    printf("#compdef stoatmqctl\n"
           "# SPDX-License-Identifier: Apache-2.0\n"
           "# Written by stoatmqctl generate zsh.\n"
           "local -a commands\n"
           "local word command=\n"
           "commands=(\n  'log:verify and dump of a data directory'\n");
    for (size_t i = 0; i < command_count; i++) {
        if (!is_one_word(&commands[i]))
            continue;
        printf("  '%s:", commands[i].name);
        print_plain(commands[i].summary);
        printf("'\n");
    }
    printf(")\n"
           "for word in ${words[2,CURRENT-1]}; do\n"
           "  [[ $word == [a-z]* ]] && command=$word && break\n"
           "done\n"
           "local -a choice\n"
           "case $command in\n"
           "  '') _describe command commands; choice=(");
    print_common_words();
    printf(" --help --version) ;;\n  log) choice=(verify dump --format) ;;\n");
    for (size_t i = 0; i < command_count; i++) {
        if (!is_one_word(&commands[i]))
            continue;
        printf("  %s) choice=(", commands[i].name);
        print_words(&commands[i]);
        print_common_words();
        printf(" --help) ;;\n");
    }
    printf("esac\n"
           "compadd -- $choice\n"
           "_files\n");
}

static void print_fish_option(const char *condition, const struct option *option)
{
    printf("complete -c stoatmqctl -n '%s' -l %s", condition, option->name + 2);
    if (option->letter != 0)
        printf(" -s %c", option->letter);
    printf("%s -d '", option->argument != NULL ? " -r" : "");
    print_plain(option->help);
    printf("'\n");
}

static void print_fish_command(const struct command *row)
{
    char condition[96];
    printf("complete -c stoatmqctl -n __fish_use_subcommand -a %s -d '", row->name);
    print_plain(row->summary);
    printf("'\n");
    (void)snprintf(condition, sizeof condition, "__fish_seen_subcommand_from %s", row->name);
    for (const struct option *option = row->options; option->name != NULL; option++)
        print_fish_option(condition, option);
    if (row->listing == NULL || !row->listing->is_choice)
        return;
    printf("complete -c stoatmqctl -n '%s' -a '", condition);
    for (const struct column *column = row->listing->columns; column->name != NULL; column++)
        printf("%s%s", column == row->listing->columns ? "" : " ", column->name);
    printf("'\n");
}

static void print_fish(void)
{
    printf("# SPDX-License-Identifier: Apache-2.0\n"
           "# Written by stoatmqctl generate fish.\n"
           "complete -c stoatmqctl -n __fish_use_subcommand -f\n"
           "complete -c stoatmqctl -n __fish_use_subcommand -a log -d 'look at a data directory'\n"
           "complete -c stoatmqctl -n '__fish_seen_subcommand_from log' -a 'verify dump'\n");
    for (const struct option *option = common_options; option->name != NULL; option++)
        print_fish_option("true", option);
    for (size_t i = 0; i < command_count; i++)
        if (is_one_word(&commands[i]))
            print_fish_command(&commands[i]);
}

int run_generate(const struct arguments *arguments)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } kinds[] = {
        {"man", print_man}, {"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(arguments->operands[0], kinds[i].name) == 0) {
            kinds[i].print();
            return output_end(0);
        }
    return usage_error(arguments->command, "expected man, bash, zsh or fish, got '%s'",
                       arguments->operands[0]);
}
