//! How a failure is told, and with which exit code.

use std::io::Write;
use std::process::ExitCode;

use synchresis_studio::StudioError;

/// A failure on its way to the person: a sentence, and an exit code of the contract.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// Exit code 2: the command line does not fit.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            code: 2,
            message: message.into(),
        }
    }

    /// A failure with an exit code of its own.
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// The exit code: 2 usage, 3 input unusable, 4 tool missing, 5 refused, 130 cancelled.
    pub fn code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }

    /// The number behind [`Failure::code`].
    pub fn number(&self) -> u8 {
        self.code
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Writes the sentence to stderr.
    pub fn tell(&self) {
        if self.message.is_empty() {
            return;
        }
        // A closed stderr is no reason to fail twice.
        let _ = writeln!(std::io::stderr(), "error: {}", self.message);
    }
}

impl From<StudioError> for Failure {
    fn from(error: StudioError) -> Self {
        Self {
            code: error.exit_code(),
            message: error.tell(),
        }
    }
}

/// Writes to stdout; a reader that has gone away (`| head`) is success.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(3, format!("writing the result to stdout: {e}")))
        }
        _ => Ok(()),
    }
}
