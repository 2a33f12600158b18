/*! The page: opens the store, then shows the screen the address names. */
import { useStatus, useOpening } from "../core";
import { ConflictsScreen } from "../features/conflicts/ConflictsScreen";
import { DevicesScreen } from "../features/devices/DevicesScreen";
import { HistoryScreen } from "../features/history/HistoryScreen";
import { SyncBadge } from "../features/sync/SyncBadge";
import { TypingScreen } from "../features/typing/TypingScreen";
import styles from "./App.module.css";
import { ErrorBoundary } from "./ErrorBoundary";
import { OpenFailure } from "./OpenFailure";
import { hrefOf, routes, useRoute, type Route } from "./route";

const names: Record<Route, string> = {
  typing: "Type",
  history: "History",
  devices: "Devices",
  conflicts: "Conflicts",
};

const screens: Record<Route, () => React.ReactNode> = {
  typing: TypingScreen,
  history: HistoryScreen,
  devices: DevicesScreen,
  conflicts: ConflictsScreen,
};

function Header({ route }: { route: Route }) {
  const { conflicts } = useStatus();
  return (
    <header className={styles.header}>
      <a className={styles.skip} href="#main" onClick={skip}>
        Skip to content
      </a>
      <a className={styles.brand} href="#/">
        <span aria-hidden="true" className={styles.logo} />
        KeyFlow
      </a>
      <nav className={styles.nav} aria-label="Screens">
        {routes.map((name) => (
          <a key={name} href={hrefOf(name)} aria-current={name === route ? "page" : undefined} data-testid={`nav-${name}`}>
            {names[name]}
            {name === "conflicts" && conflicts > 0 && (
              <span className={styles.count} aria-label={`${conflicts} waiting`}>
                {conflicts}
              </span>
            )}
          </a>
        ))}
      </nav>
      <SyncBadge />
    </header>
  );
}

/** The part behind `#` is the screen's name, so the link moves the focus itself. */
function skip(event: React.MouseEvent): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function Screens() {
  const route = useRoute();
  const Screen = screens[route];
  return (
    <div className={styles.page}>
      <Header route={route} />
      <main id="main" className={styles.main} tabIndex={-1}>
        <ErrorBoundary key={route}>
          <Screen />
        </ErrorBoundary>
      </main>
    </div>
  );
}

export function App() {
  const opening = useOpening();
  switch (opening.state) {
    case "opening":
      return (
        <p className={styles.opening} role="status" data-testid="opening">
          Opening your sessions…
        </p>
      );
    case "failed":
      return <OpenFailure error={opening.error} />;
    case "open":
      return <Screens />;
  }
}
