/*!
 * The passages the page offers, written for it. They hold plain letters and ASCII punctuation only,
 * single spaces, and no line breaks, so that every keyboard layout for English can type them.
 */

/** A text somebody can be asked to type. */
export interface Passage {
  /** Stable name; stored with a session, so it never changes its meaning. */
  readonly id: string;
  readonly title: string;
  readonly text: string;
}

export const passages: readonly Passage[] = [
  {
    id: "harbour-light",
    title: "Harbour light",
    text: "The lamp at the end of the pier was lit every evening at the same minute, whether ships were due or not. Nobody in town could say who had asked for it, and nobody wanted to be the one who let it go dark.",
  },
  {
    id: "bread-clock",
    title: "The bread clock",
    text: "Good bread keeps its own time. You can warm the room, or cool it, or watch the bowl with great patience, but the dough will rise when it is ready, and the baker who learns to wait eats better than the one who does not.",
  },
  {
    id: "paper-maps",
    title: "Paper maps",
    text: "A folded map never opens the same way twice. Somewhere along the third crease a village slips out of sight, a river turns a corner it should not, and you arrive an hour late with a much better story than the one you planned.",
  },
  {
    id: "night-train",
    title: "Night train",
    text: "Past midnight the carriage grew quiet. Small stations slid by with one lit window each, and in every window there was somebody awake for a reason. She counted eleven of them before sleep took her, and woke beside the sea.",
  },
  {
    id: "first-frost",
    title: "First frost",
    text: "Frost came early that year and caught the garden by surprise. The beans bent over, the last roses held their colour for one more morning, and the old cat walked along the wall as if each stone were made of glass.",
  },
  {
    id: "quiet-machine",
    title: "A quiet machine",
    text: "The best tools ask for little. They start when you reach for them, they do one thing well, and when the work is done they wait without complaint. It takes a long time, and a lot of care, to build something that quiet.",
  },
  {
    id: "river-crossing",
    title: "River crossing",
    text: "To cross the river you had to ring a bell and wait for the ferryman to finish his tea. He would look at the sky, then at your shoes, then at the water, and only after that would he tell you what the trip would cost.",
  },
  {
    id: "borrowed-umbrella",
    title: "Borrowed umbrella",
    text: "I still have the umbrella you lent me in spring. It has crossed two borders, lost a single rib to the wind, and kept three strangers dry. I mean to return it, but it seems to have found its own line of work.",
  },
  {
    id: "small-hills",
    title: "Small hills",
    text: "Nobody writes songs about small hills, yet most of us have one we think of as ours. It takes ten minutes to climb, the view is mostly roofs, and still we go up there with every piece of news, good or bad.",
  },
  {
    id: "workshop-rules",
    title: "Workshop rules",
    text: "There were four rules on the workshop door. Measure twice. Put it back where you found it. Ask before you guess. The fourth had been painted over long ago, and every apprentice was sure they knew what it used to say.",
  },
  {
    id: "long-letters",
    title: "Long letters",
    text: "My grandmother wrote long letters and posted them unfinished. The next one would begin in the middle of the same sentence, a week later, as though the mail were only a pause for breath. We read them aloud, in order, every winter.",
  },
  {
    id: "market-morning",
    title: "Market morning",
    text: "By six the square smells of oranges, wet canvas, and coffee. Traders call to each other across the rows, half in jokes and half in prices, and the first buyers move slowly between the tables with their hands behind their backs.",
  },
];
