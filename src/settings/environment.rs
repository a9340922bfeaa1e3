//! Reads the environment. Its values are bytes, but settings must be text.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::env;

use super::file;
use super::row::InvalidSettings;

/// Reads variables, and records those that are not UTF-8.
#[derive(Default)]
pub(super) struct Environment {
    non_utf8: RefCell<BTreeSet<String>>,
}

impl Environment {
    pub(super) fn value(&self, name: &str) -> Option<String> {
        let value = env::var_os(name)?;
        if value.to_str().is_none() {
            self.non_utf8.borrow_mut().insert(name.to_owned());
        }
        Some(value.to_string_lossy().into_owned())
    }

    /// Rejects settings that are not UTF-8, since another value was read for them. Other variables are checked where they
    /// are used.
    pub(super) fn reject_non_utf8<T>(
        self,
        names: &[&str],
        settings: Result<T, InvalidSettings>,
    ) -> Result<T, InvalidSettings> {
        let non_utf8 = self.non_utf8.into_inner();
        let rejected = names.iter().filter(|name| non_utf8.contains(**name));
        let mut problems: Vec<_> = rejected.map(|name| format!("{name} must be text in UTF-8.")).collect();
        match settings {
            Ok(settings) if problems.is_empty() => return Ok(settings),
            Ok(_) => {}
            Err(InvalidSettings(others)) => {
                let is_new = |problem: &String| !problems.contains(problem);
                let others: Vec<_> = others.into_iter().filter(is_new).collect();
                problems.extend(others);
            }
        }
        Err(InvalidSettings(problems))
    }
}

/// Empties `PGOPTIONS`, which is meant for the operator's servers and not for the embedded one. Our options override libpq's
/// other variables, but not this one. Call it while the process has one thread.
pub(super) fn clear_pgoptions() {
    if env::var_os("PGOPTIONS").is_some_and(|options| !options.is_empty()) {
        file::set_empty("PGOPTIONS");
    }
}
