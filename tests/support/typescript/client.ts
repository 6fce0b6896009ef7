// A client made from the OpenAPI document. It calls every operation and prints which it has called.
import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./schema.js";

const user_id = "550e8400-e29b-41d4-a716-446655440000";
const baseUrl = process.env.BASE_URL ?? "";
// Some operations can also answer with a stream of events: a client chooses what it reads.
const client = createClient<paths, `application/${string}`>({ baseUrl });
const streams = createClient<paths, "text/event-stream">({ baseUrl });

const record: Middleware = {
  onRequest({ request, schemaPath }) {
    console.log(`${request.method} ${schemaPath}`);
  },
};
const files = createClient<paths, `text/${string}` | `image/${string}`>({ baseUrl });
client.use(record);
files.use(record);
streams.use(record);

/** Return what an operation answered, or fail with its problem document's sentence. */
function ok<T>(answer: { data?: T; error?: unknown; response: Response }): T {
  if (answer.data === undefined) {
    throw new Error(`${answer.response.status}: ${JSON.stringify(answer.error)}`);
  }
  return answer.data;
}

type Roadmap = components["schemas"]["Roadmap"];

const body = { user_id, goal: "Learn Go", duration_weeks: 1, daily_hours: 0.5, level: "beginner" } as const;

const health: "ok" = ok(await client.GET("/health")).status ?? "ok";
const ready: string = ok(await client.GET("/health/ready")).planner;
const made = await client.POST("/generate_roadmap", { body });
const generated = ok(made);
if (!("roadmap_id" in generated)) throw new Error("the answer is that of Prefer: respond-async");
const roadmap: Roadmap = generated;
const path = { roadmap_id: roadmap.roadmap_id };

const listed: Roadmap[] = ok(await client.GET("/roadmaps", { params: { query: { user_id } } }));
const { tasks } = ok(await client.GET("/roadmap/{roadmap_id}", { params: { path } }));
const weeks = ok(await client.GET("/roadmap/{roadmap_id}/weeks", { params: { path } }));
const week = ok(
  await client.GET("/roadmap/{roadmap_id}/week/{week_number}", {
    params: { path: { ...path, week_number: 1 } },
  }),
);
const task_id: string = tasks[0]?.id ?? "";
const ticked = ok(await client.POST("/task/update", { body: { task_id, completed: true } }));
const answer: string = ok(
  await client.POST("/ask-assistant", { body: { ...path, user_id, input_data: "How far am I?" } }),
).response;

const query = { user_id };
const page = ok(await client.GET("/progress", { params: { query } }));
const progress = ok(
  await client.GET("/roadmap/{roadmap_id}/progress", { params: { path, query: { ...query, tz: "Asia/Tokyo" } } }),
);
const year: string = ok(await files.GET("/progress.svg", { params: { query }, parseAs: "text" }));
const picture: string = ok(
  await files.GET("/roadmap/{roadmap_id}/progress.svg", {
    params: { path, query: { ...query, view: "weeks", theme: "dark" } },
    parseAs: "text",
  }),
);
const list: string = ok(
  await files.GET("/roadmap/{roadmap_id}/export", {
    params: { path, query: { ...query, format: "md" } },
    parseAs: "text",
  }),
);
const schedule = { user_id, strategy: "shift", from: "2030-01-01" } as const;
const tried = await client.POST("/roadmap/{roadmap_id}/schedule", { params: { path }, body: schedule });
const applied = ok(
  await client.POST("/roadmap/{roadmap_id}/schedule", {
    params: { path, header: { "if-match": tried.response.headers.get("ETag") ?? "" } },
    body: { ...schedule, dry_run: false },
  }),
);
const undone = ok(
  await client.POST("/roadmap/{roadmap_id}/schedule/undo", { params: { path }, body: { user_id } }),
);
const today: string = progress.as_of;
const moved = ok(await client.POST("/task/move", { body: { user_id, task_id, due_date: today, tz: "Asia/Tokyo" } }));
const feed = ok(
  await client.POST("/roadmap/{roadmap_id}/calendar-feed", { params: { path }, body: { user_id } }),
).path;
const token = feed.split("/").pop()?.replace(".ics", "") ?? "";
const calendar: string = ok(
  await files.GET("/calendar/{token}.ics", { params: { path: { token } }, parseAs: "text" }),
);
const revoked = ok(
  await client.DELETE("/roadmap/{roadmap_id}/calendar-feed", { params: { path, query } }),
);

const generation_id = made.response.headers.get("Location")?.split("/").pop() ?? "";
const of_generation = { params: { path: { generation_id } } };
const generation = ok(await client.GET("/generations/{generation_id}", of_generation));
const events: string = ok(
  await streams.GET("/generations/{generation_id}/events", { ...of_generation, parseAs: "text" }),
);
const refused = await client.DELETE("/generations/{generation_id}", of_generation);
const sentence: string | undefined = refused.error?.detail;
const deleted = ok(
  await client.DELETE("/roadmap/{roadmap_id}", { params: { path, query: { user_id } } }),
);

const checks: Record<string, boolean> = {
  health: health === "ok",
  ready: ready === "offline",
  listed: listed[0]?.roadmap_id === roadmap.roadmap_id,
  weeks: weeks[0]?.total_tasks === tasks.length,
  week: Object.keys(week.days).length === 7,
  ticked: ticked.success === true,
  answer: answer.length > 0,
  generation: generation.state === "succeeded",
  events: events.includes("event: saved"),
  refused: refused.response.status === 409 && sentence !== undefined,
  dashboard: page.roadmaps[0]?.roadmap_id === roadmap.roadmap_id,
  progress: progress.completed_tasks === 1 && progress.weeks.length === 1,
  pictures: year.startsWith("<svg") && picture.startsWith("<svg"),
  list: list.includes("- [x]"),
  schedule: applied.moves.length > 0 && undone.success === true,
  moved: moved.due_date === today,
  calendar: calendar.startsWith("BEGIN:VCALENDAR") && revoked.success === true,
  deleted: deleted.success === true,
};
const failed = Object.keys(checks).filter((name) => !checks[name]);
if (failed.length > 0) throw new Error(`not as expected: ${failed.join(", ")}`);
