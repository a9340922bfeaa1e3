//! The environment, whose values are octets, as the text that settings are.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::env;

use super::{InvalidSettings, SETTINGS, Settings, file};

/// Reads variables, and keeps which settings were no text.
#[derive(Default)]
pub(super) struct Environment {
    damaged: RefCell<BTreeSet<String>>,
}

impl Environment {
    pub(super) fn value(&self, name: &str) -> Option<String> {
        let value = env::var_os(name)?;
        if value.to_str().is_none() {
            self.damaged.borrow_mut().insert(name.to_owned());
        }
        Some(value.to_string_lossy().into_owned())
    }

    /// The settings, unless a setting was no text: what was read for it is another value. The other variables are
    /// judged where they are used.
    pub(super) fn checked(self, settings: Result<Settings, InvalidSettings>) -> Result<Settings, InvalidSettings> {
        let damaged = self.damaged.into_inner();
        let named = SETTINGS.iter().filter(|setting| damaged.contains(setting.name));
        let mut faults: Vec<_> = named
            .map(|setting| format!("{} must be text in UTF-8.", setting.name))
            .collect();
        match settings {
            Ok(settings) if faults.is_empty() => return Ok(settings),
            Ok(_) => {}
            Err(InvalidSettings(others)) => {
                let is_new = |fault: &String| !faults.contains(fault);
                let others: Vec<_> = others.into_iter().filter(is_new).collect();
                faults.extend(others);
            }
        }
        Err(InvalidSettings(faults))
    }
}

/// `PGOPTIONS` is meant for the operator's servers. Where an embedded one is reached, libpq's other variables are
/// overruled; this one can only be emptied. Call it while the process has one thread.
pub(super) fn forget_options_of_other_servers() {
    if env::var_os("PGOPTIONS").is_some_and(|options| !options.is_empty()) {
        file::empty("PGOPTIONS");
    }
}
