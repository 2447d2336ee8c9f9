//! What a person does in the studio, action by action, as their page asks for it.

use serde_json::{Value, json};

use super::client::{Client, Events};

/// Windows come and go so often.
const REOPENED: u32 = 40;

/// Someone at work.
pub(super) struct Person {
    client: Client,
    random: fastrand::Rng,
    events: Events,
    records: u64,
    /// The image on the stage, its revision and its size.
    index: u64,
    revision: u64,
    size: [u64; 2],
    objects: Vec<Value>,
    /// The prompts so far, which undo takes back one by one.
    points: Vec<Value>,
    mask: Option<Value>,
    clicks: u32,
    saves: u32,
}

impl Person {
    /// Opens the page, and waits for the model.
    pub(super) fn new(client: Client, seed: u64) -> Result<Self, String> {
        let events = client.events()?;
        let mut person = Self {
            client,
            random: fastrand::Rng::with_seed(seed),
            events,
            records: 0,
            index: 0,
            revision: 0,
            size: [0; 2],
            objects: Vec::new(),
            points: Vec::new(),
            mask: None,
            clicks: 0,
            saves: 0,
        };
        let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            let state = person.client.get("/api/state")?;
            if !state["model"].is_null() {
                person.records = state["set"]["images"].as_u64().unwrap_or(0);
                break;
            }
            if std::time::Instant::now() > until {
                return Err(format!("expected a model, found {state}"));
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        person.client.post("/api/queue", &json!({ "enabled": true }))?;
        person.open()?;
        Ok(person)
    }

    /// What was done.
    pub(super) fn line(&self) -> String {
        format!("{} clicks, {} saves", self.clicks, self.saves)
    }

    /// The next action.
    pub(super) fn act(&mut self, number: u32) -> Result<(), String> {
        if number % REOPENED == REOPENED - 1 {
            self.events = self.client.events()?;
        }
        match self.random.u32(0..100) {
            0..45 => self.click(),
            45..55 => self.undo(),
            55..65 => self.save(),
            65..75 => self.open(),
            75..82 => self.scroll(),
            82..88 => self.zoom(),
            88..92 => self.look("view?view=2"),
            92..95 => self.read("/api/queue?limit=20"),
            95..97 => self.read("/api/jobs").and_then(|()| self.read("/api/runs")),
            _ => self.wrong(),
        }
    }

    fn at(&self, part: &str) -> String {
        format!("/api/records/{}/{part}", self.index)
    }

    fn look(&self, part: &str) -> Result<(), String> {
        self.client.bytes("GET", &self.at(part), None, &[]).map(drop)
    }

    fn read(&self, path: &str) -> Result<(), String> {
        self.client.get(path).map(drop)
    }

    /// Opens another image: its row, picture, masks, what was saved, and the embedding ahead of the click.
    fn open(&mut self) -> Result<(), String> {
        self.index = self.random.u64(0..self.records);
        let row = self.client.get(&format!("/api/records/{}", self.index))?;
        self.size = ["width", "height"].map(|side| row["size"][side].as_u64().unwrap_or(1));
        let whole = self.size[0] * self.size[1] <= 16_000_000;
        self.look(if whole { "image" } else { "image?width=1600" })?;
        self.look("masks")?;
        let saved = self.client.get(&self.at("corrections"))?;
        self.revision = saved["revision"].as_u64().unwrap_or(0);
        self.objects = saved["objects"].as_array().cloned().unwrap_or_default();
        self.client.post(&self.at("open"), &json!({ "client": "soak" }))?;
        self.client.bytes("POST", &self.at("embedding"), Some(&json!({})), &[])?;
        (self.points, self.mask) = (Vec::new(), None);
        Ok(())
    }

    /// A click on the object that is being drawn.
    fn click(&mut self) -> Result<(), String> {
        let [x, y] = self.size.map(|side| self.random.f64() * side as f64);
        let positive = self.points.is_empty() || self.random.bool();
        self.points.push(json!({ "x": x, "y": y, "positive": positive }));
        self.clicks += 1;
        self.predict()
    }

    fn predict(&mut self) -> Result<(), String> {
        let proposals = self.points.len() == 1 && self.random.bool();
        let prompt = json!({ "points": self.points, "box": null, "previous": self.mask, "proposals": proposals });
        let answer = self.client.post(&self.at("predict"), &prompt)?;
        self.mask = Some(answer["proposals"][0]["mask"].clone());
        Ok(())
    }

    /// Takes the last click back: what is left is asked again.
    fn undo(&mut self) -> Result<(), String> {
        self.points.pop();
        self.mask = None;
        if self.points.is_empty() { Ok(()) } else { self.predict() }
    }

    /// Saves the object, and begins another; of many objects all are removed again.
    fn save(&mut self) -> Result<(), String> {
        if self.objects.len() >= 6 {
            self.objects.clear();
        }
        let mask = self.mask.take();
        let mask = mask.filter(|mask| mask["width"].as_u64() > Some(0));
        self.objects.extend(mask.map(|mask| {
            json!({ "name": "leaf", "colour": "#33aa77", "mask": mask, "clicks": self.points.len(), "predicted_iou": 0.9 })
        }));
        self.points.clear();
        let body = json!({ "revision": self.revision, "objects": self.objects });
        let (_, saved) = self.client.bytes("PUT", &self.at("corrections"), Some(&body), &[])?;
        let saved: Value = serde_json::from_slice(&saved).map_err(|error| error.to_string())?;
        self.revision = saved["revision"].as_u64().ok_or_else(|| format!("saved: {saved}"))?;
        self.saves += 1;
        self.events.until("saved")
    }

    /// The grid: a page of records and their thumbnails.
    fn scroll(&mut self) -> Result<(), String> {
        let offset = self.random.u64(0..self.records);
        let filter = ["", "&mask=with", "&mask=without", "&text=0", "&order=doubt"];
        let filter = filter[self.random.usize(0..filter.len())];
        let page = self.client.get(&format!("/api/records?offset={offset}&limit=12{filter}"))?;
        for row in page["rows"].as_array().into_iter().flatten() {
            let path = format!("/api/records/{}/thumbnail?side=256", row["index"]);
            self.client.bytes("GET", &path, None, &[])?;
        }
        Ok(())
    }

    /// Pans over the large image, the last of all.
    fn zoom(&mut self) -> Result<(), String> {
        let large = self.records - 1;
        let level = self.random.u64(0..4);
        for _ in 0..3 {
            let [column, row] = [self.random.u64(0..4) >> level, self.random.u64(0..4) >> level];
            let path = format!("/api/records/{large}/tile/{level}/{column}/{row}");
            self.client.bytes("GET", &path, None, &[])?;
        }
        Ok(())
    }

    /// What another window, or an old page, would send: refused, and of no consequence.
    fn wrong(&mut self) -> Result<(), String> {
        let body = json!({ "revision": self.revision + 7, "objects": [] });
        self.client.bytes("PUT", &self.at("corrections"), Some(&body), &[409])?;
        self.client.bytes("GET", "/api/records/999999/masks", None, &[404]).map(drop)
    }
}
