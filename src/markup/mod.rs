//! The parser of Rocket.Chat's message markup.
