//! One child process: its command line, its folder, its environment, and what it said.
//!
//! Knows nothing of the project's tools. Never goes through a shell, so no argument is ever re-read.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// A command that has not run yet.
#[derive(Clone, Debug)]
pub struct Run {
    program: OsString,
    args: Vec<OsString>,
    dir: PathBuf,
    env: Vec<(OsString, Option<OsString>)>,
}

/// How a command ended and all it wrote.
pub struct Heard {
    /// Whether it ended with success.
    pub ok: bool,
    /// Its standard output, then its standard error.
    pub text: String,
}

impl Run {
    /// A command in the project's top folder with this process's environment.
    pub fn new(program: impl AsRef<OsStr>) -> Run {
        Run {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            dir: crate::project::root(),
            env: Vec::new(),
        }
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Run {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Runs in this folder instead.
    pub fn dir(mut self, dir: impl AsRef<Path>) -> Run {
        self.dir = dir.as_ref().to_owned();
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Run {
        self.env.push((name.as_ref().to_owned(), Some(value.as_ref().to_owned())));
        self
    }

    /// Sets environment variables.
    pub fn envs<N: AsRef<OsStr>, V: AsRef<OsStr>>(self, pairs: impl IntoIterator<Item = (N, V)>) -> Run {
        pairs.into_iter().fold(self, |run, (name, value)| run.env(name, value))
    }

    /// Takes an environment variable away.
    pub fn without_env(mut self, name: &str) -> Run {
        self.env.push((name.into(), None));
        self
    }

    /// Runs this as the system's administrator: as it is when we are that already, otherwise through `sudo`.
    pub fn with_root(mut self) -> Result<Run> {
        if Run::new("id").args(["-u"]).read()?.trim() != "0" {
            self.args.insert(0, std::mem::replace(&mut self.program, "sudo".into()));
        }
        Ok(self)
    }

    /// The command line as a reader would type it.
    pub fn line(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.args);
        words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).current_dir(&self.dir);
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// Runs with the terminal's own input and output. Fails unless the command ends with success.
    pub fn must(&self) -> Result<()> {
        println!("$ {}", self.line());
        let status = self.command().status().with_context(|| format!("starting {}", self.line()))?;
        if !status.success() {
            bail!("{} ended with {status}", self.line());
        }
        Ok(())
    }

    /// Runs unseen; gives its standard output. Fails unless the command ends with success.
    pub fn read(&self) -> Result<String> {
        let output = self.command().output().with_context(|| format!("starting {}", self.line()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("{} ended with {}: {}", self.line(), output.status, said.trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs with its output shown as it comes and kept as well. Fails only when the command cannot be started.
    pub fn stream(&self) -> Result<Heard> {
        println!("$ {}", self.line());
        let mut child = self
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", self.line()))?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (out, err) = std::thread::scope(|scope| {
            let err = scope.spawn(|| tee(err, |line| eprint!("{line}")));
            (tee(out, |line| print!("{line}")), err.join().unwrap_or_default())
        });
        let status = child.wait().with_context(|| format!("waiting for {}", self.line()))?;
        Ok(Heard { ok: status.success(), text: format!("{out}\n{err}") })
    }

    /// Becomes this command, so that signals reach it. Returns only when it cannot be started.
    #[cfg(unix)]
    pub fn become_it(&self) -> Result<()> {
        use std::os::unix::process::CommandExt;
        println!("$ {}", self.line());
        Err(self.command().exec()).with_context(|| format!("starting {}", self.line()))
    }

    /// Runs this command to its end.
    #[cfg(not(unix))]
    pub fn become_it(&self) -> Result<()> {
        self.must()
    }
}

/// Shows every line of `from` as it comes, and returns all of it.
fn tee(from: Option<impl Read>, show: impl Fn(&str)) -> String {
    let mut kept = String::new();
    let Some(mut from) = from.map(BufReader::new) else { return kept };
    let mut line = Vec::new();
    loop {
        line.clear();
        match from.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return kept,
            Ok(_) => {
                let line = String::from_utf8_lossy(&line);
                show(&line);
                kept.push_str(&line);
            }
        }
    }
}

/// The program of this name on PATH, if there is one.
pub fn on_path(program: &str) -> Option<PathBuf> {
    which::which(program).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_outputs_of_a_command_are_kept_whole() {
        let heard = Run::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]).stream().unwrap();
        assert!(!heard.ok);
        assert_eq!(heard.text, "out\n\nerr\n");
    }

    #[test]
    fn a_variable_taken_away_does_not_reach_the_command() {
        let run = Run::new("sh").args(["-c", "echo ${HOME-gone}"]).without_env("HOME");
        assert_eq!(run.read().unwrap(), "gone\n");
    }

    #[test]
    fn a_command_that_fails_gives_its_own_words_in_the_error() {
        let error = Run::new("sh").args(["-c", "echo no luck >&2; exit 1"]).read().unwrap_err();
        assert!(error.to_string().contains("no luck"), "{error}");
    }
}
