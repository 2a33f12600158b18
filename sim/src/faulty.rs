//! How a store behaves that breaks the contract of [`keyflow_sync::seam::Store`], for the faults that are about it.

use keyflow_sync::fault::{Fault, on};
use keyflow_sync::seam::{Durability, HEAD, Row, Table, Write};

/// Whether commits are made in parts.
pub fn splits() -> bool {
    [Fault::M01, Fault::M04, Fault::M17, Fault::M22].into_iter().any(on)
}

fn of_queue(row: &Row) -> bool {
    row.table == Table::Op || (row.table == Table::Body && row.key.starts_with("op/"))
}

/// The parts written before the answer, in order, and those written after it.
pub fn parts(write: &Write) -> (Vec<Write>, Vec<Write>) {
    let split = |first: fn(&Row) -> bool| {
        let (first, rest): (Vec<Row>, Vec<Row>) = write.rows.iter().cloned().partition(first);
        let part = |rows| Write { rows, ..write.clone() };
        (part(first), part(rest))
    };
    let is_head = |row: &Row| row.table == Table::Meta && row.key == HEAD;
    if on(Fault::M22) {
        // M22: the answer comes before the commit.
        (Vec::new(), vec![write.clone()])
    } else if on(Fault::M01) {
        // M01: a record in one transaction, what is to be sent of it in another.
        let (queue, rest) = split(of_queue);
        (vec![rest], vec![queue])
    } else if on(Fault::M04) {
        // M04: the cursor before what it stands for.
        let (head, rest) = split(is_head);
        let text = head.rows.first().and_then(|row| row.value.clone());
        (vec![head, Write { expects: text, ..rest }], Vec::new())
    } else {
        // M17: a confirmation before the merged record.
        let (queue, rest) = split(of_queue);
        (vec![queue, rest], Vec::new())
    }
}

/// The commit that empties a store of these rows.
pub fn nothing(rows: &[Row]) -> Write {
    let head = rows.iter().find(|row| row.table == Table::Meta && row.key == HEAD);
    Write {
        expects: head.and_then(|row| row.value.clone()),
        rows: rows.iter().map(|row| Row { value: None, ..row.clone() }).collect(),
        durability: Durability::Strict,
    }
}
