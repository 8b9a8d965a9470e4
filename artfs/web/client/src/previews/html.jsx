// HTML of an artifact, in a sandbox: scripts run, and reach neither this page, nor other artifacts, nor another host.

export const HtmlPreview = ({ raw }) => (
  <>
    <p class="muted">It runs in a sandbox, without network.</p>
    <iframe sandbox="allow-scripts" src={raw} title="The file, in a sandbox" />
  </>
);
