"""Take over from a server that died, without errors for programs that use the mount (S24).

- Requests that the dead server received and did not answer are sent again by the kernel (Linux 6.9), and a name change
  that it had already carried out must not fail the second time: `replay`.
- Open files live on in the kernel, which does not announce them again. Those open for writing are recorded in memory
  that survives the server: `writer_handles`.
- `server_recovery` is all that the rest of the server uses: it opens drafts as the server before left them.
"""
