//! The gate: whether statuses are hidden at all, and whose not everybody may see.

use std::collections::HashSet;
use std::sync::Arc;

use crate::streams::rules::{Rules, Unasked};

/// Statuses at all.
const STATUS_ENABLED: &str = "Accounts_UserStatus_Enabled";
/// The visibility of statuses, for the whole workspace: present and false it is not used.
const ADMIN_ENABLED: &str = "Accounts_StatusVisibility_Admin_Enabled";
/// The visibility of statuses, for every user. What its absence means depends on the release: see [`Form`].
const ENABLED: &str = "Accounts_StatusVisibility_Enabled";

/// Whether the gate depends on a setting.
pub(in crate::streams) fn depends_on(setting: &str) -> bool {
    [STATUS_ENABLED, ADMIN_ENABLED, ENABLED].contains(&setting)
}

/// In which form `getHiddenFrom` answers. It tells releases apart that differ in what a missing setting means; the later, the
/// stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Form {
    /// Nobody answered yet: a missing setting is on.
    Unknown = 0,
    /// A plain array (8.8, 8.9): a missing setting is off.
    List = 1,
    /// An object (later): a missing setting is on.
    Object = 2,
}

impl Form {
    pub(super) fn of(number: u8) -> Self {
        match number {
            1 => Self::List,
            2 => Self::Object,
            _ => Self::Unknown,
        }
    }
}

/// Uids whose status not everybody may see.
pub(super) type Uids = Arc<HashSet<Box<str>>>;

/// What the gate comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Statuses are switched off: everybody is hidden from everybody.
    Everybody,
    /// Some may be hidden: viewers are asked about.
    Some,
    /// Nobody is hidden, and nobody is asked about.
    Nobody,
}

/// What the verdict is made of.
#[derive(Debug)]
pub(in crate::streams) struct Gate {
    /// Statuses are switched off.
    off: bool,
    /// Their visibility is switched off.
    unused: bool,
    enabled: Option<bool>,
    /// `None`: not answered, and everybody counts.
    restricted: Option<Uids>,
}

impl Gate {
    /// What the settings say. Nobody is restricted yet.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) async fn of_settings(rules: &Rules) -> Result<Self, Unasked> {
        Ok(Self {
            off: rules.switch(STATUS_ENABLED).await? == Some(false),
            unused: rules.switch(ADMIN_ENABLED).await? == Some(false),
            enabled: rules.switch(ENABLED).await?,
            restricted: Some(Uids::default()),
        })
    }

    /// Whether it matters who is restricted.
    pub(super) fn asks(&self) -> bool {
        !self.off && !self.unused
    }

    /// The same, with the answer to who is restricted; `None` when there was none.
    pub(super) fn with(self, restricted: Option<Uids>) -> Self {
        Self { restricted, ..self }
    }

    /// Who is restricted; `None` where that was not answered.
    pub(super) fn restricted(&self) -> Option<&Uids> {
        self.restricted.as_ref()
    }

    pub(super) fn verdict(&self, form: Form) -> Verdict {
        let enabled = self.enabled.unwrap_or(form != Form::List);
        let restricted = self.restricted.as_ref().is_none_or(|uids| !uids.is_empty());
        match () {
            () if self.off => Verdict::Everybody,
            () if self.unused => Verdict::Nobody,
            () if enabled || restricted => Verdict::Some,
            () => Verdict::Nobody,
        }
    }

    /// Whether a user's status is not for everybody.
    pub(in crate::streams) fn restricts(&self, uid: &str) -> bool {
        self.off
            || self
                .restricted
                .as_ref()
                .is_none_or(|uids| uids.contains(uid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: streams/visibility/verdict
    #[test]
    fn what_the_gate_comes_to() {
        use Form::{List, Object, Unknown};
        let (on, off) = (Some(true), Some(false));
        for (statuses, admin, enabled, restricted, form, expected) in [
            (off, on, on, Some(1), Object, Verdict::Everybody),
            (off, off, off, None, List, Verdict::Everybody),
            (on, off, on, Some(1), Object, Verdict::Nobody),
            (None, off, on, None, Unknown, Verdict::Nobody),
            (None, None, on, Some(0), List, Verdict::Some),
            (None, on, off, Some(0), Object, Verdict::Nobody),
            (None, None, off, Some(1), List, Verdict::Some),
            (None, None, off, None, Object, Verdict::Some),
            (None, None, None, Some(0), Unknown, Verdict::Some),
            (None, None, None, Some(0), Object, Verdict::Some),
            (None, None, None, Some(0), List, Verdict::Nobody),
            (None, None, None, Some(1), List, Verdict::Some),
        ] {
            let restricted: Option<HashSet<Box<str>>> =
                restricted.map(|count| (0..count).map(|n| n.to_string().into()).collect());
            let gate = Gate {
                off: statuses == Some(false),
                unused: admin == Some(false),
                enabled,
                restricted: restricted.map(Arc::new),
            };
            assert_eq!(gate.verdict(form), expected, "{gate:?} {form:?}");
        }
    }
}
