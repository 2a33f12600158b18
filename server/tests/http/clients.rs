//! A device as the server sees it: requests with a token, and records in their wire form.

use keyflow_sync::model::{Fields, Key, Kind, Record};
use keyflow_sync::stamp::{Replica, Stamp};
use keyflow_sync::wire::{Account, Offer, PullReply, PushReply};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

#[derive(Clone)]
pub struct Device {
    http: Client,
    url: String,
    pub account: Account,
}

impl Device {
    pub async fn register(url: &str) -> Device {
        let http = Client::new();
        let reply =
            http.post(format!("{url}/api/devices")).json(&json!({"name": "desk"})).send().await.unwrap();
        assert_eq!(reply.status(), 201);
        Device { http, url: url.to_owned(), account: reply.json().await.unwrap() }
    }

    pub fn of(url: &str, account: Account) -> Device {
        Device { http: Client::new(), url: url.to_owned(), account }
    }

    /// The same device against a server that moved.
    pub fn at(&self, url: &str) -> Device {
        Device::of(url, self.account.clone())
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.account.token)
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::GET, path).send().await.unwrap()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        answer(self.request(Method::POST, path).json(&body).send().await.unwrap()).await
    }

    pub async fn delete(&self, path: &str) -> u16 {
        self.request(Method::DELETE, path).send().await.unwrap().status().as_u16()
    }

    /// Pushes a body and expects it to be taken.
    pub async fn push_body(&self, path: &str, body: Value) -> PushReply {
        let (status, reply) = self.post(path, body).await;
        assert_eq!(status, 200, "{reply}");
        serde_json::from_value(reply).unwrap()
    }

    /// Pushes sessions with the given strategy.
    pub async fn push_with(&self, strategy: &str, records: &[Record]) -> PushReply {
        let offers: Vec<Value> = records.iter().map(|record| offer(record, &[])).collect();
        self.push_body("/api/sync/sessions", json!({"sessions": offers, "strategy": strategy})).await
    }

    pub async fn push(&self, records: &[Record]) -> PushReply {
        self.push_with("lastWriteWins", records).await
    }

    pub async fn pull(&self, since: &str, limit: u32) -> PullReply {
        let (status, reply) = self.get(&format!("/api/sync/changes?since={since}&limit={limit}")).await;
        assert_eq!(status, 200, "{reply}");
        serde_json::from_value(reply).unwrap()
    }

    pub async fn log(&self, record: &str) -> Vec<Value> {
        let (status, reply) = self.get(&format!("/api/sync/log?record={record}")).await;
        assert_eq!(status, 200, "{reply}");
        reply["entries"].as_array().unwrap().clone()
    }
}

pub async fn answer(reply: Response) -> (u16, Value) {
    let status = reply.status().as_u16();
    if status >= 400 {
        assert_eq!(reply.headers()["content-type"], "application/problem+json", "{status}");
    }
    let text = reply.text().await.unwrap();
    let value = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
    if status >= 400 {
        assert_eq!(value["status"], status, "{value}");
        assert!(value["code"].is_string(), "{value}");
    }
    (status, value)
}

pub fn stamp(ms: i64, replica: u64) -> Stamp {
    Stamp::at(ms, 0, Replica(replica))
}

pub fn fields(value: Value) -> Fields {
    value.as_object().unwrap().clone()
}

/// The first version of a session.
pub fn session(id: &str, version: Stamp) -> Record {
    let start = version.ms;
    let content = json!({"text": "abc", "wpm": 80, "accuracy": 95.5, "timestamp": start, "note": "first"});
    Record::new(Key::session(id), version, fields(content))
}

pub fn edit(base: &Record, version: Stamp, patch: Value) -> Record {
    base.edit(version, &fields(patch), base.deleted)
}

pub fn offer(record: &Record, resolves: &[&str]) -> Value {
    let op = Some(format!("op-{}", record.version));
    let resolves = resolves.iter().map(|id| (*id).to_owned()).collect();
    Offer { op, record: record.clone(), plain: false, resolves }.to_wire()
}

/// A record as the server gave it.
pub fn read(wire: &Value) -> Record {
    Record::from_wire(Kind::Session, wire.clone()).unwrap()
}
