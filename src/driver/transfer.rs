//! Export and import: everything of a store as one JSON text, and back.

use serde::Serialize;
use serde_json::{Value, json};

use super::Driver;
use crate::edit::Edit;
use crate::error::{Error, FieldError};
use crate::model::{Conflict, Kind, Record, check_fields};
use crate::seam::{Host, Store, Table, Transport};
use crate::state::{from_text, op_body};

/// Names the format of an export.
const FORMAT: &str = "keyflow-export";
/// Its version.
const VERSION: u64 = 1;

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// Records that were not here, or differed.
    pub imported: usize,
    /// Records that were here already.
    pub unchanged: usize,
    /// Operations taken over.
    pub operations: usize,
    /// Conflicts taken over.
    pub conflicts: usize,
}

impl<S: Store, T: Transport, H: Host> Driver<S, T, H> {
    /// Everything of this store: the server's versions, the queue with what it sends, the open conflicts. Bodies that
    /// are only in the cloud are fetched.
    pub async fn export_all(&self) -> Result<Value, Error> {
        self.check_open()?;
        // A full disk is a reason to export; what it cannot note makes at worst an entry in the inbox.
        let noted = self.edit(&[Edit::Expose]).await;
        if !matches!(noted, Ok(_) | Err(Error::Store(_))) {
            noted?;
        }
        // Before the records: what is confirmed meanwhile is among those then.
        let operations = self.operations().await?;
        let mut records = Vec::new();
        for kind in [Kind::Session, Kind::Progress, Kind::Settings] {
            for key in self.keys(kind) {
                let fetched = self.bring(&key).await?;
                let stored = self.store.read(&[(Table::Body, key.to_string())]).await?.pop().flatten();
                let record = match (fetched, stored) {
                    (_, Some(text)) => from_text(kind, &text)?,
                    (Some(record), None) => record,
                    // Not confirmed yet: it is among the operations.
                    (None, None) => continue,
                };
                records.push(json!({ "kind": kind, "record": record.to_wire() }));
            }
        }
        Ok(json!({
            "format": FORMAT,
            "version": VERSION,
            "exportedAt": self.host.now().wall,
            "records": records,
            "operations": operations,
            "conflicts": self.conflicts()?,
        }))
    }

    /// Takes over what [`Driver::export_all`] gave. Nothing is taken when anything in it is invalid; nothing here is
    /// lost; taking it over again changes nothing.
    pub async fn import_all(&self, export: Value) -> Result<ImportReport, Error> {
        self.check_open()?;
        if export.get("format") != Some(&FORMAT.into()) {
            return Err(FieldError::new("format", format!("must be {FORMAT}")).into());
        }
        if export.get("version") != Some(&VERSION.into()) {
            return Err(FieldError::new("version", "is of a newer format").into());
        }
        let list = |name: &str| match export.get(name) {
            Some(Value::Array(items)) => Ok(items.clone()),
            _ => Err(FieldError::new(name, "must be a list")),
        };
        let mut records = Vec::new();
        for (index, item) in list("records")?.into_iter().enumerate() {
            let kind = item.get("kind").and_then(Value::as_str).and_then(Kind::from_name);
            records.push(checked(&format!("records[{index}]"), kind, item.get("record"))?);
        }
        let mut pending = Vec::new();
        for (index, item) in list("operations")?.into_iter().enumerate() {
            let kind = match item.get("type").and_then(Value::as_str) {
                Some("sync_session") => Some(Kind::Session),
                Some("sync_progress") => Some(Kind::Progress),
                Some("sync_settings") => Some(Kind::Settings),
                _ => None,
            };
            pending.push(checked(&format!("operations[{index}]"), kind, item.get("data"))?);
        }
        let mut conflicts = Vec::new();
        for (index, item) in list("conflicts")?.into_iter().enumerate() {
            let within = |error: FieldError| error.within(&format!("conflicts[{index}]"));
            conflicts.push(Conflict::from_wire(item).map_err(within)?);
        }
        let mut report = ImportReport::default();
        for record in records {
            match self.edit(&[Edit::Import { record }]).await? {
                Some(_) => report.imported += 1,
                None => report.unchanged += 1,
            }
        }
        for record in pending {
            report.operations += usize::from(self.edit(&[Edit::Import { record }]).await?.is_some());
        }
        for conflict in conflicts {
            report.conflicts += usize::from(
                self.edit(&[Edit::ImportConflict { conflict: Box::new(conflict) }]).await?.is_some(),
            );
        }
        Ok(report)
    }

    /// What an operation sends, for the user to keep before discarding it.
    pub async fn export_operation(&self, id: &str) -> Result<Value, Error> {
        let op = self.state.borrow().queue.get(id).cloned();
        let op = op.ok_or_else(|| Error::NotFound(format!("operation {id}")))?;
        let body = self.store.read(&[(Table::Body, op_body(&op))]).await?.pop().flatten();
        Ok(body.and_then(|body| serde_json::from_str(&body).ok()).unwrap_or_default())
    }
}

fn checked(path: &str, kind: Option<Kind>, wire: Option<&Value>) -> Result<Record, FieldError> {
    let kind = kind.ok_or_else(|| FieldError::new(path, "is of an unknown kind"))?;
    let wire = wire.ok_or_else(|| FieldError::new(path, "has no record"))?;
    let mut record = Record::from_wire(kind, wire.clone()).map_err(|error| error.within(path))?;
    check_fields(kind, &mut record.fields).map_err(|error| error.within(path))?;
    Ok(record)
}
