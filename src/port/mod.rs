//! What every port holds to, whoever it serves: how many connections there are at once and for how long they may be
//! silent ([`Visitors`], [`Watched`]), which requests none of them answers ([`rules`]), and by which names a page of operators
//! is asked ([`Names`]).
//!
//! [`Port`] is all of it for a port with few visitors: metrics, the status page, the sandbox. The clients' own door
//! (`gateway`) takes the parts. This room knows no other.

mod names;
pub mod rules;
mod served;
mod visitors;
mod watched;

pub use names::{Foreign, Names};
pub use served::{Bounds, Port};
pub use visitors::{Visitor, Visitors};
pub use watched::Watched;
