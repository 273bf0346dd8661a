//! What an agent hears before the caller is connected: one or two sentences, in the agent's own language.

use call::{HandoffReason, Language, Mood, SlotValue, TriedStep};

use crate::wording;

/// What there is to tell.
pub(crate) struct Facts<'a> {
    pub(crate) reason: HandoffReason,
    /// What the caller wants, as in "find out where an order is".
    pub(crate) title: Option<&'a str>,
    pub(crate) slots: &'a [SlotValue],
    pub(crate) tried: &'a [TriedStep],
    pub(crate) mood: Mood,
    pub(crate) speaks: Language,
}

impl Facts<'_> {
    pub(crate) fn sentence(&self, agent: Language) -> String {
        match agent {
            Language::En => self.english(),
            Language::Zh => self.mandarin(),
        }
    }

    fn english(&self) -> String {
        let wants = match self.title {
            Some(title) => format!("The caller would like to {title}"),
            None => "The caller has not said what it is about".to_owned(),
        };
        let number = self.number(Language::En).map(|number| format!(", number {number}")).unwrap_or_default();
        let why = match self.reason {
            HandoffReason::BotFailed => "our system had a fault",
            HandoffReason::CallerAsked => "they asked for a person",
            HandoffReason::FlowAsked => "this case needs a person",
            HandoffReason::NotUnderstood => "I could not understand them",
            HandoffReason::ToolFailed => "our records could not be reached",
        };
        let looked_up = if self.looked_up() { " I have told them the status." } else { "" };
        let mood = match self.mood {
            Mood::Angry => " They sound angry.",
            Mood::Calm => "",
            Mood::Impatient => " They sound impatient.",
            Mood::Pleased => " They sound pleased.",
            Mood::Sad => " They sound sad.",
        };
        let language = if self.speaks == Language::Zh { " They speak Mandarin." } else { "" };
        format!("{wants}{number}; {why}.{looked_up}{mood}{language}")
    }

    fn mandarin(&self) -> String {
        let wants = match self.title {
            Some(title) => format!("客户想{title}"),
            None => "客户还没有说明来意".to_owned(),
        };
        let number = self.number(Language::Zh).map(|number| format!("，单号{number}")).unwrap_or_default();
        let why = match self.reason {
            HandoffReason::BotFailed => "系统出现故障",
            HandoffReason::CallerAsked => "客户要求转人工",
            HandoffReason::FlowAsked => "需要人工处理",
            HandoffReason::NotUnderstood => "我没能听懂客户的话",
            HandoffReason::ToolFailed => "订单系统暂时查不到",
        };
        let looked_up = if self.looked_up() { "已告知客户订单状态。" } else { "" };
        let mood = match self.mood {
            Mood::Angry => "客户情绪激动。",
            Mood::Calm => "",
            Mood::Impatient => "客户有些着急。",
            Mood::Pleased => "客户心情不错。",
            Mood::Sad => "客户情绪低落。",
        };
        let language = if self.speaks == Language::En { "客户说英语。" } else { "" };
        format!("{wants}{number}，{why}。{looked_up}{mood}{language}")
    }

    /// The number the caller gave, digit by digit.
    fn number(&self, language: Language) -> Option<String> {
        let told = |slot: &&SlotValue| !slot.name.contains('.') && slot.value.reveal().len() > 3;
        let numeric = |slot: &&SlotValue| slot.value.reveal().bytes().all(|byte| byte.is_ascii_digit());
        let slot = self.slots.iter().filter(told).find(numeric)?;
        Some(wording::digits(slot.value.reveal(), language))
    }

    /// Whether an answer was found and nothing failed after it.
    fn looked_up(&self) -> bool {
        let found = self.slots.iter().any(|slot| slot.name.ends_with(".status"));
        found && !self.tried.iter().any(|tried| tried.outcome == "tool_failed" || tried.outcome == "data_missing")
    }
}
