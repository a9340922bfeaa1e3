//! The six languages: addresses, sentences, the form, and the emails to its applicant.

mod addresses;
mod application;
mod catalogue;
mod generator;
mod offers;
mod sentences;
mod tables;
