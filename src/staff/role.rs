//! Roles: each may do what those before it may.

/// What a member of the staff may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads applications.
    Reader,
    /// Asks questions too.
    Reviewer,
    /// Decides too.
    Decider,
    /// Manages staff too.
    Administrator,
}

impl Role {
    /// All roles, the one with the fewest rights first.
    pub const ALL: [Self; 4] = [Self::Reader, Self::Reviewer, Self::Decider, Self::Administrator];

    /// Returns the name in the database and in commands.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Reviewer => "reviewer",
            Self::Decider => "decider",
            Self::Administrator => "administrator",
        }
    }

    /// Parses such a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}
