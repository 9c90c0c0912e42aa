//! Whether a text is a regular expression of ECMAScript: what `new RegExp` of the core takes.

use regress::Flags;

/// What the patterns of one message may be long together, in UTF-16 units. No client sends any; reading one costs far more
/// than its bytes.
pub(super) const MAX_PATTERN: usize = 1024;

/// Groups in groups: who reads them recurses.
const MAX_DEPTH: usize = 64;

/// Whether `new RegExp(pattern, flags)` takes the pattern, in a Node.js of the releases that workspaces run.
///
/// [`regress`] reads ECMAScript; what differs is looked at here: it repeats word boundaries and knows what came with 2025,
/// modifiers (`(?i:a)`) and one name for groups of two alternatives.
#[must_use]
pub(super) fn is_pattern(units: &[u16], unicode: bool) -> bool {
    let Some(points) = Walk::new(units, unicode).points() else {
        return false;
    };
    let flags = Flags {
        unicode,
        no_opt: true,
        ..Flags::default()
    };
    regress::backends::try_parse(points.into_iter(), flags).is_ok()
}

/// One way through a pattern, that tells groups, classes and escapes apart.
struct Walk {
    /// The code points of the pattern; without the `u` flag a surrogate pair is two characters but in the name of a group.
    pattern: Vec<u32>,
    at: usize,
    unicode: bool,
    read: Vec<u32>,
    names: Vec<Vec<u32>>,
}

impl Walk {
    fn new(units: &[u16], unicode: bool) -> Self {
        let point = |unit: Result<char, std::char::DecodeUtf16Error>| {
            unit.map_or_else(|lone| u32::from(lone.unpaired_surrogate()), u32::from)
        };
        Self {
            pattern: char::decode_utf16(units.iter().copied())
                .map(point)
                .collect(),
            at: 0,
            unicode,
            read: Vec::with_capacity(units.len()),
            names: Vec::new(),
        }
    }

    /// The characters as [`regress`] is to read them; `None` where it would take what Node.js refuses.
    fn points(mut self) -> Option<Vec<u32>> {
        let (mut in_class, mut name_in_class, mut depth) = (false, false, 0_usize);
        while let Some(point) = self.next() {
            match (char::from_u32(point), self.peek(0)) {
                (Some('\\'), Some(escaped)) => {
                    if escaped == 'u' && !self.unicode && self.peek(1) == Some('{') {
                        // Only with the flag is it a code point; else it is a `u`, so many times.
                        self.read.pop();
                    }
                    self.next();
                    match escaped {
                        'b' | 'B' if !in_class && self.is_repeated() => return None,
                        'k' if in_class => name_in_class = true,
                        'k' if self.peek(0) == Some('<') => drop(self.name()),
                        _ => {}
                    }
                }
                (Some('['), _) => in_class = true,
                (Some(']'), _) => in_class = false,
                (Some('('), _) if !in_class && depth == MAX_DEPTH => return None,
                (Some('('), group) if !in_class => {
                    depth += 1;
                    if group == Some('?') && !self.group() {
                        return None;
                    }
                }
                (Some(')'), _) if !in_class => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        let named = !self.names.is_empty();
        (!(named && name_in_class)).then_some(self.read)
    }

    /// `?` behind a parenthesis; says whether Node.js takes it.
    fn group(&mut self) -> bool {
        match (self.peek(1), self.peek(2)) {
            (Some('i' | 'm' | 's' | '-'), _) => false,
            (Some('<'), behind) if !matches!(behind, Some('=' | '!')) => {
                self.next();
                let name = self.name();
                let new = !self.names.contains(&name);
                self.names.push(name);
                new
            }
            _ => true,
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        let point = self.pattern.get(self.at + ahead)?;
        Some(char::from_u32(*point).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// The next character, which is read as it stands there.
    fn next(&mut self) -> Option<u32> {
        let point = *self.pattern.get(self.at)?;
        self.at += 1;
        match char::from_u32(point) {
            Some(astral @ '\u{10000}'..) if !self.unicode => {
                let units = astral
                    .encode_utf16(&mut [0; 2])
                    .iter()
                    .copied()
                    .map(u32::from)
                    .collect::<Vec<_>>();
                self.read.extend(units);
            }
            _ => self.read.push(point),
        }
        Some(point)
    }

    /// `<name>`; nothing where it does not end.
    fn name(&mut self) -> Vec<u32> {
        let rest = &self.pattern[self.at..];
        let end = rest.iter().position(|point| *point == u32::from('>'));
        let name = rest[..end.map_or(0, |end| end + 1)].to_vec();
        self.at += name.len();
        self.read.extend_from_slice(&name);
        name
    }

    /// Whether a quantifier stands here.
    fn is_repeated(&self) -> bool {
        let rest = (0..).map_while(|ahead| self.peek(ahead));
        let mut rest = rest.peekable();
        match rest.next() {
            Some('*' | '+' | '?') => true,
            Some('{') => {
                let mut digits = 0;
                while rest.next_if(char::is_ascii_digit).is_some() {
                    digits += 1;
                }
                if digits > 0 && rest.next_if_eq(&',').is_some() {
                    while rest.next_if(char::is_ascii_digit).is_some() {}
                }
                digits > 0 && rest.next() == Some('}')
            }
            _ => false,
        }
    }
}
