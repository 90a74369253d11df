//! The binary `synchresis`.

use std::process::ExitCode;

fn main() -> ExitCode {
    synchresis_cli::main()
}
