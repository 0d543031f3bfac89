package dev.terrarium.warden;

import dev.terrarium.wire.Connection;
import dev.terrarium.wire.Frame;
import dev.terrarium.wire.FrameHandler;
import dev.terrarium.wire.FrameType;
import dev.terrarium.wire.Greeter;
import dev.terrarium.wire.Messages;
import dev.terrarium.wire.ProtocolException;
import dev.terrarium.wire.RefusedException;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// Who may come in: the holders of one-time tokens. A token is given to one process over a private
/// channel and is good for one connection.
public final class Gate implements Greeter {
  private static final int TOKEN_BYTES = 16;

  /// What happens with a connection whose first frame bore the token.
  public interface Guest {
    FrameHandler greeted(Connection connection, Frame hello);
  }

  private final Map<String, Guest> expected = new ConcurrentHashMap<>();
  private final SecureRandom random = new SecureRandom();

  /// Makes a token for one guest.
  public String admit(Guest guest) {
    byte[] bytes = new byte[TOKEN_BYTES];
    random.nextBytes(bytes);
    String token = HexFormat.of().formatHex(bytes);
    expected.put(token, guest);
    return token;
  }

  /// The token is good for nothing any more.
  public void revoke(String token) {
    expected.remove(token);
  }

  /// Whoever still comes with this token is sent away without a word: he could not know.
  public void dismiss(String token) {
    expected.replace(token, (connection, hello) -> sendAway(connection));
  }

  private static FrameHandler sendAway(Connection connection) {
    connection.close();
    return new FrameHandler() {
      @Override
      public void onFrame(Frame frame) {}

      @Override
      public void onClosed(@Nullable ProtocolException reason) {}
    };
  }

  @Override
  public FrameHandler greet(Connection connection, Frame hello) throws RefusedException {
    if (hello.type() == FrameType.CONTROL) {
      throw new RefusedException("questions are asked at the control socket");
    }
    Guest guest = expected.remove(Messages.token(hello));
    if (guest == null) {
      throw new RefusedException("its token is not one that was given out, or was used before");
    }
    return guest.greeted(connection, hello);
  }
}
