package dev.terrarium.worker;

import dev.terrarium.ToolInfo;
import dev.terrarium.wire.Messages;
import java.util.List;
import java.util.Optional;

/// A worker's description of its tools, as users see it.
final class ToolInfos {
  private ToolInfos() {}

  static List<ToolInfo> of(List<Messages.Tool> tools) {
    return tools.stream().map(ToolInfos::of).toList();
  }

  private static ToolInfo of(Messages.Tool tool) {
    return new ToolInfo(
        tool.name(),
        tool.doc() == null ? "" : tool.doc(),
        tool.kind(),
        tool.idempotent(),
        tool.parameters().stream().map(ToolInfos::of).toList(),
        Optional.ofNullable(tool.returns()));
  }

  private static ToolInfo.Parameter of(Messages.Parameter parameter) {
    return new ToolInfo.Parameter(
        parameter.name(),
        parameter.kind(),
        Optional.ofNullable(parameter.type()),
        parameter.required(),
        Optional.ofNullable(parameter.standard()));
  }
}
