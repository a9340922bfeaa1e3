//! The command line and the settings of an operator.

mod applications;
mod doctor;
mod search;
mod settings;
mod spreadsheet;
mod terminal;
