"""The group of commands: lists them without loading them, and ends in the promised ways."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final, NamedTuple, NoReturn

import click

from timetracer_otel import __version__
from timetracer_otel.errors import TimetracerError

_PACKAGE: Final = "timetracer_otel.cli"
FAILED: Final = 2
"""Exit status: it could not be done."""
INTERRUPTED: Final = 130
"""Exit status: the user had enough."""
_BROKEN_PIPE: Final = 141
"""As a shell reports a program that wrote to a reader gone away."""


class LazyCommand(NamedTuple):
    """A command that is loaded when it is used.

    Attributes:
        name: what one types.
        module: the file of this package that has it, as ``command``.
        help: its first sentence, for the list of commands.
    """

    name: str
    module: str
    help: str


class LazyGroup(click.Group):
    """Commands that are loaded when they are used. What a command returns is the exit status.

    Args:
        name: the program.
        help: what it is for.
        lazy: its commands, in the order in which they are listed.
    """

    def __init__(self, name: str, *, help: str, lazy: Sequence[LazyCommand]) -> None:  # noqa: A002  # click's name
        version = click.version_option(__version__, "-V", "--version", prog_name=name)
        super().__init__(name, help=help, context_settings={"help_option_names": ["-h", "--help"]})
        version(self)
        self.lazy = {command.name: command for command in lazy}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, as they are listed."""
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, loaded."""
        found = self.lazy.get(cmd_name)
        if found is None:
            return None
        command = import_module(f"{_PACKAGE}.{found.module}").command
        assert isinstance(command, click.Command)
        # click leaves a paragraph as it is that begins with a backspace, which raw docstrings write as two
        command.help = (command.help or "").replace("\\b\n", "\b\n")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that was typed.

        Raises:
            click.UsageError: there is none of that name; the text names the nearest.
        """
        name = args[0]
        if name not in self.lazy and not name.startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches  # only when something is wrong

            near = get_close_matches(name, self.lazy, 1)
            ctx.fail(f"No such command {name!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, with none of them loaded."""
        with formatter.section("Commands"):
            formatter.write_dl([(command.name, command.help) for command in self.lazy.values()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for; what it returns."""
        try:
            status = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:  # click would end with 1, which says something else here
            # what is still buffered would fail again when Python flushes it at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _BROKEN_PIPE
        return status

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> NoReturn:
        """Run a command and exit: with its status; 2 and one line on stderr when it cannot be
        done; 130 when interrupted.
        """
        try:
            status = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except click.ClickException as error:
            error.show()
            status = error.exit_code
        except TimetracerError as error:
            fail(str(error))
            status = FAILED
        except (KeyboardInterrupt, click.Abort):
            click.echo("interrupted", err=True)
            status = INTERRUPTED
        except Exception:  # noqa: BLE001  # a defect; Python's own status for it, 1, says something else here
            traceback.print_exc()
            status = FAILED
        sys.exit(status if isinstance(status, int) else 0)


def fail(message: str) -> None:
    """Say what went wrong, on stderr: one line; more only where a program's output is quoted."""
    from timetracer_otel.views.text import printable

    first, *rest = message.splitlines() or [""]
    click.echo(f"error: {printable(first)}", err=True)
    for row in rest:
        click.echo(f"  {printable(row)}", err=True)
