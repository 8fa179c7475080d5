import type { Filter } from "../../../adapters/index.ts";
import type { Metadata } from "../../../adapters/input.ts";

/** Questions about the corpus, and the address that answers each. */
export const QUESTIONS: readonly { text: string; answeredBy: string }[] = [
  {
    text: "How do the favorable prospects of public credit and the revenues show in the rise of American stock abroad?",
    answeredBy: "1790-george-washington",
  },
  {
    text: "Which pirates of Tripoli and the Barbary States attacked our vessels in the Mediterranean?",
    answeredBy: "1801-thomas-jefferson",
  },
  {
    text: "May European powers extend their system or colonization to any portion of the American continents?",
    answeredBy: "1823-james-monroe",
  },
  {
    text: "What did the emancipation proclamation and the employment of colored soldiers, who were slaves, do to the rebellion?",
    answeredBy: "1863-abraham-lincoln",
  },
  {
    text: "Which four essential human freedoms should the world be founded upon: freedom of speech, worship, from want and from fear?",
    answeredBy: "1941-franklin-d-roosevelt",
  },
  {
    text: "Why should every segment of our population expect a fair deal from its government?",
    answeredBy: "1949-harry-s-truman",
  },
  {
    text: "How can the Alliance for Progress help Latin America against the Castro regime in Cuba?",
    answeredBy: "1961-john-f-kennedy",
  },
  {
    text: "How will we increase the beauty of America, landscape its streets and end the poisoning of its rivers?",
    answeredBy: "1965-lyndon-b-johnson",
  },
  {
    text: "How much oil do we import, and what will the energy program do to reduce imports by a million barrels per day?",
    answeredBy: "1975-gerald-r-ford",
  },
  {
    text: "How do we mourn and honor the valor of the seven Challenger heroes?",
    answeredBy: "1986-ronald-reagan",
  },
  {
    text: "What does the Revolution of '89, with the Berlin Wall down and Panama free, mean for troops in Europe?",
    answeredBy: "1990-george-bush",
  },
];

const number = (value: unknown) => (typeof value === "number" ? value : Number.NaN);

/** Filters over the corpus's metadata, each with its meaning written out a second time, which the store has not seen. */
export const FILTERS: readonly { filter: Filter; holds: (metadata: Metadata) => boolean }[] = [
  { filter: { party: "Republican" }, holds: ({ party }) => party === "Republican" },
  { filter: { year: { gte: 1900, lt: 1962 } }, holds: ({ year }) => number(year) >= 1900 && number(year) < 1962 },
  {
    filter: { speaker: { in: ["Thomas Jefferson", "James Monroe"] } },
    holds: ({ speaker }) => speaker === "Thomas Jefferson" || speaker === "James Monroe",
  },
  {
    filter: { or: [{ year: { lt: 1800 } }, { and: [{ party: "Democratic" }, { year: { gt: 1960 } }] }] },
    holds: ({ year, party }) => number(year) < 1800 || (party === "Democratic" && number(year) > 1960),
  },
  {
    filter: { not: [{ party: "Republican" }, { speaker: "George Washington" }] },
    holds: ({ party, speaker }) => party !== "Republican" && speaker !== "George Washington",
  },
  { filter: { year: "1990" }, holds: () => false },
];
