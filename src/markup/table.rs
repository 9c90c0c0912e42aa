//! Tables: a row, a row of dashes that says how the columns are aligned, and more rows.

use std::rc::Rc;

use super::chars;
use super::inline::{Context, Parser};
use super::reduce::reduce;
use super::tree::{Block, Cell, Inline};

impl Parser<'_> {
    /// A table.
    pub(super) fn table(&self, place: usize) -> Option<(usize, Block)> {
        let (header, end) = self.row(place)?;
        let below = self.end_of_line(end)?;
        let (aligns, end) = self.delimiters(below)?;
        let mut end = self.end_of_line(end).unwrap_or(end);
        let columns = header.len();
        let mut rows = Vec::new();
        while let Some((row, after)) = self.row(end) {
            rows.push(row);
            end = self.end_of_line(after).unwrap_or(after);
        }
        let cells = |row: Vec<Vec<Rc<Inline>>>| {
            let mut fields = row.into_iter();
            (0..columns)
                .map(|column| Cell {
                    align: aligns.get(column).copied().flatten(),
                    value: fields.next().unwrap_or_default(),
                })
                .collect()
        };
        let header = cells(header);
        let rows = rows.into_iter().map(cells).collect();
        Some((
            end,
            Block::Table {
                header,
                rows,
                range: (place, end),
            },
        ))
    }

    /// `| field | field |`
    fn row(&self, place: usize) -> Option<(Vec<Vec<Rc<Inline>>>, usize)> {
        let source = self.source;
        if !source.is(place, '|') {
            return None;
        }
        let mut fields = Vec::new();
        let mut next = place + 1;
        loop {
            let start = source.skip(next, chars::is_blank);
            let stop = self.stop(Context::Cell, start);
            let bar = source.skip(stop, chars::is_blank);
            if !source.is(bar, '|') {
                break;
            }
            fields.push(reduce(
                self.source,
                self.collect(Context::Cell, start, stop),
            ));
            next = bar + 1;
        }
        (!fields.is_empty()).then_some((fields, next))
    }

    /// `| --- | :-: |`
    fn delimiters(&self, place: usize) -> Option<(Vec<Option<&'static str>>, usize)> {
        let source = self.source;
        if !source.is(place, '|') {
            return None;
        }
        let mut aligns = Vec::new();
        let mut next = place + 1;
        loop {
            let start = source.skip(next, chars::is_blank);
            let left = source.is(start, ':');
            let dashes = start + usize::from(left);
            let end = source.skip(dashes, |unit| unit == u16::from(b'-'));
            if end == dashes {
                break;
            }
            let right = source.is(end, ':');
            let bar = source.skip(end + usize::from(right), chars::is_blank);
            if !source.is(bar, '|') {
                break;
            }
            aligns.push(match (left, right) {
                (true, true) => Some("center"),
                (true, false) => Some("left"),
                (false, true) => Some("right"),
                (false, false) => None,
            });
            next = bar + 1;
        }
        (!aligns.is_empty()).then_some((aligns, next))
    }
}
